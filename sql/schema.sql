-- What the migrations make of an empty database. Written by `make schema`; do not edit.

CREATE TYPE public.billing_status AS ENUM (
    'pending',
    'billed',
    'paid',
    'disputed',
    'refunded'
);

CREATE TYPE public.invoice_status AS ENUM (
    'draft',
    'sent',
    'paid',
    'overdue',
    'cancelled',
    'disputed'
);

CREATE TYPE public.lead_status AS ENUM (
    'received',
    'validated',
    'delivered',
    'accepted',
    'rejected'
);

CREATE TYPE public.payment_method AS ENUM (
    'stripe',
    'manual',
    'bank_transfer',
    'check'
);

CREATE FUNCTION public.announce(messages jsonb[], delays double precision[] DEFAULT NULL::double precision[]) RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE plpgsql
    AS $$
DECLARE
  topic text;
  batch jsonb[];
  due   timestamptz;
BEGIN
  FOR topic, batch, due IN
    SELECT given.message->>'event', array_agg(given.message ORDER BY given.position),
           clock_timestamp() + make_interval(secs => coalesce(delays[given.position], 0))
      FROM unnest(messages) WITH ORDINALITY AS given(message, position)
     GROUP BY given.message->>'event', coalesce(delays[given.position], 0)
     ORDER BY min(given.position)
  LOOP
    RETURN QUERY SELECT sent.queue_name, sent.msg_id FROM pgmq.send_batch_topic(topic, batch, due) AS sent;
    PERFORM pg_notify('leadgen_queues', topic);
  END LOOP;
END $$;

CREATE FUNCTION public.mail_credit_note() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO document_mails (buyer_id, credit_note_id, next_attempt_at) VALUES (NEW.buyer_id, NEW.id, NEW.issued_at);
  RETURN NULL;
END $$;

CREATE FUNCTION public.mail_issued_invoice() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO document_mails (buyer_id, invoice_id, next_attempt_at) VALUES (NEW.buyer_id, NEW.id, NEW.issued_at);
  RETURN NULL;
END $$;

CREATE FUNCTION public.open_wallet() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO wallets (buyer_id) VALUES (NEW.id);
  RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% rows are append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION public.refuse_change_before_90_days() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.started_at < CURRENT_TIMESTAMP - INTERVAL '90 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% refuses %: its rows stay as they are for 90 days', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION public.refuse_currency_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF OLD.currency <> NEW.currency AND EXISTS (SELECT FROM ledger_transactions t WHERE t.buyer_id = OLD.id) THEN
    RAISE EXCEPTION 'buyer %: its currency stays, since there is money of it on record', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'buyers_currency_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_invoice_rewrite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF OLD.issued_at IS NOT NULL AND
     (OLD.buyer_id, OLD.offer_id, OLD.period_start, OLD.period_end, OLD.due_date, OLD.invoice_number, OLD.total_leads,
      OLD.tax_amount, OLD.total_amount, OLD.currency, OLD.timezone, OLD.occasion, OLD.issued_at, OLD.series, OLD.sequence,
      OLD.terms_days, OLD.subtotal, OLD.tax_rate, OLD.tax_name, OLD.tax_note, OLD.subject, OLD.seller, OLD.buyer)
     IS DISTINCT FROM
     (NEW.buyer_id, NEW.offer_id, NEW.period_start, NEW.period_end, NEW.due_date, NEW.invoice_number, NEW.total_leads,
      NEW.tax_amount, NEW.total_amount, NEW.currency, NEW.timezone, NEW.occasion, NEW.issued_at, NEW.series, NEW.sequence,
      NEW.terms_days, NEW.subtotal, NEW.tax_rate, NEW.tax_name, NEW.tax_note, NEW.subject, NEW.seller, NEW.buyer) THEN
    RAISE EXCEPTION 'invoice %: what is issued never changes', OLD.invoice_number
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoices_issued_is_immutable';
  END IF;
  IF OLD.status <> NEW.status AND NOT (
    CASE OLD.status
      WHEN 'draft' THEN NEW.status IN ('sent', 'paid', 'cancelled')
      WHEN 'cancelled' THEN OLD.amount_written_off > 0 AND NEW.amount_written_off = 0
      ELSE NEW.status <> 'draft'
    END) THEN
    RAISE EXCEPTION 'invoice %: % does not become %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoices_status_goes_forward';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_lead_rewrite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF (OLD.source_id, OLD.offer_id, OLD.market_id, OLD.vertical_id, OLD.idempotency_key, OLD.created_at)
     IS DISTINCT FROM
     (NEW.source_id, NEW.offer_id, NEW.market_id, NEW.vertical_id, NEW.idempotency_key, NEW.created_at) THEN
    RAISE EXCEPTION 'lead %: its classification and idempotency key never change', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_classification_is_immutable';
  END IF;
  IF OLD.delivered_price IS NOT NULL
     AND (OLD.delivered_price, OLD.price_components) IS DISTINCT FROM (NEW.delivered_price, NEW.price_components)
     AND NOT (OLD.status = 'delivered' AND NEW.status = 'validated' AND OLD.billing_status = 'pending'
              AND (NEW.delivered_price, NEW.price_components, NEW.buyer_id, NEW.delivered_at) IS NOT DISTINCT FROM
                  (NULL::numeric, NULL::jsonb, NULL::integer, NULL::timestamptz)
              AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.lead_id = OLD.id AND d.status <> 'released')) THEN
    RAISE EXCEPTION 'lead %: its delivered price never changes', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_delivered_price_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_line_rewrite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.released_at IS NULL AND NEW.released_at IS NOT NULL
     AND (OLD.id, OLD.invoice_id, OLD.lead_id, OLD.delivered_at, OLD.amount)
         IS NOT DISTINCT FROM (NEW.id, NEW.invoice_id, NEW.lead_id, NEW.delivered_at, NEW.amount)
     AND EXISTS (SELECT FROM invoices i WHERE i.id = OLD.invoice_id AND i.issued_at IS NULL) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'invoice_lines rows stay: they are released while their invoice is a draft, and nothing else'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION public.refuse_lines_after_issue() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  -- Not a join: its plan may be one of when there were no invoices, and look at all of them for every line.
  IF EXISTS (SELECT FROM invoices i
              WHERE i.id = ANY (ARRAY(SELECT DISTINCT invoice_id FROM added)) AND i.issued_at IS NOT NULL) THEN
    RAISE EXCEPTION 'lines are added to drafts only'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoice_lines_of_drafts';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_lines_beside_payout() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM payouts p
              WHERE p.id IN (SELECT payout_id FROM added)
                AND p.total <> (SELECT sum(l.amount) FROM payout_lines l WHERE l.payout_id = p.id)) THEN
    RAISE EXCEPTION 'the lines of a payout add up to its total'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payout_lines_add_up';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_payment_rewrite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (OLD.buyer_id, OLD.method, OLD.amount, OLD.currency) IS DISTINCT FROM
        (NEW.buyer_id, NEW.method, NEW.amount, NEW.currency)
     OR (OLD.status IN ('succeeded', 'undone')
         AND (OLD.invoice_id, OLD.received_at, OLD.to_invoice, OLD.to_debt, OLD.to_wallet, OLD.provider_id) IS DISTINCT FROM
             (NEW.invoice_id, NEW.received_at, NEW.to_invoice, NEW.to_debt, NEW.to_wallet, NEW.provider_id))
     OR (OLD.status = 'succeeded' AND NEW.status NOT IN ('succeeded', 'undone'))
     OR (OLD.status = 'undone' AND NEW.status <> 'undone') THEN
    RAISE EXCEPTION 'payment %: what is received stays as it was', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payments_received_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_payout_rewrite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.status = 'issued' AND NEW.status = 'paid'
     AND to_jsonb(OLD) - ARRAY['status', 'paid_at', 'paid_by', 'reference']
       = to_jsonb(NEW) - ARRAY['status', 'paid_at', 'paid_by', 'reference'] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'payout %: what is issued is paid once, and nothing else of it changes', OLD.number
    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payouts_issued_is_immutable';
END $$;

CREATE FUNCTION public.refuse_policy_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (to_jsonb(OLD) - 'is_active' - 'updated_at') IS DISTINCT FROM (to_jsonb(NEW) - 'is_active' - 'updated_at') THEN
    RAISE EXCEPTION '% rows never change: store the next version', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_publisher_currency_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF OLD.currency <> NEW.currency AND EXISTS (SELECT FROM ledger_transactions t WHERE t.publisher_id = OLD.id) THEN
    RAISE EXCEPTION 'publisher %: its currency stays, since there is money of it on record', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'publishers_currency_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% is never emptied', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION public.refuse_unbilling() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF (OLD.buyer_id, OLD.price, OLD.billed_at, OLD.delivered_at)
     IS DISTINCT FROM (NEW.buyer_id, NEW.price, NEW.billed_at, NEW.delivered_at)
     OR NEW.billing_status = 'pending' THEN
    RAISE EXCEPTION 'lead %: what is billed stays billed', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_billing_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE TABLE public.audit_logs (
    id integer NOT NULL,
    "timestamp" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_id integer,
    action character varying(100) NOT NULL,
    resource_type character varying(50) NOT NULL,
    resource_id integer,
    before_state jsonb,
    after_state jsonb,
    ip_address inet,
    user_agent text
);

CREATE SEQUENCE public.audit_logs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.audit_logs_id_seq OWNED BY public.audit_logs.id;

CREATE TABLE public.audits (
    id bigint NOT NULL,
    ran_at timestamp with time zone NOT NULL,
    milliseconds integer NOT NULL,
    violations integer NOT NULL,
    findings jsonb NOT NULL,
    CONSTRAINT audits_findings_is_object CHECK ((jsonb_typeof(findings) = 'object'::text))
);

ALTER TABLE public.audits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.buyer_offers (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    offer_id integer NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    routing_priority integer DEFAULT 1 NOT NULL,
    capacity_per_day integer,
    capacity_per_hour integer,
    price_per_lead numeric(10,2),
    webhook_url_override character varying(500),
    email_override character varying(200),
    sms_override character varying(20),
    min_balance_required numeric(10,2),
    pause_until timestamp with time zone,
    capacity_per_week integer,
    capacity_per_month integer,
    budget_per_hour numeric(12,2),
    budget_per_day numeric(12,2),
    budget_per_week numeric(12,2),
    budget_per_month numeric(12,2),
    filter jsonb,
    consent jsonb,
    delivery json,
    returns jsonb,
    CONSTRAINT buyer_offers_capacity_positive CHECK (((capacity_per_day IS NULL) OR (capacity_per_day >= 0))),
    CONSTRAINT buyer_offers_consent_is_object CHECK ((jsonb_typeof(consent) = 'object'::text)),
    CONSTRAINT buyer_offers_delivery_is_object CHECK ((json_typeof(delivery) = 'object'::text)),
    CONSTRAINT buyer_offers_filter_is_object CHECK ((jsonb_typeof(filter) = 'object'::text)),
    CONSTRAINT buyer_offers_limits_not_negative CHECK ((LEAST((capacity_per_hour)::numeric, (capacity_per_week)::numeric, (capacity_per_month)::numeric, budget_per_hour, budget_per_day, budget_per_week, budget_per_month) >= (0)::numeric)),
    CONSTRAINT buyer_offers_price_positive CHECK (((price_per_lead IS NULL) OR (price_per_lead > (0)::numeric))),
    CONSTRAINT buyer_offers_priority_positive CHECK ((routing_priority >= 1)),
    CONSTRAINT buyer_offers_returns_is_object CHECK ((jsonb_typeof(returns) = 'object'::text))
);

CREATE SEQUENCE public.buyer_offers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.buyer_offers_id_seq OWNED BY public.buyer_offers.id;

CREATE TABLE public.buyer_service_areas (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    market_id integer NOT NULL,
    scope_type character varying(16) NOT NULL,
    scope_value character varying(64) NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT buyer_service_areas_scope_type_valid CHECK (((scope_type)::text = ANY ((ARRAY['postal_code'::character varying, 'city'::character varying, 'region'::character varying, 'radius'::character varying, 'market'::character varying])::text[])))
);

CREATE SEQUENCE public.buyer_service_areas_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.buyer_service_areas_id_seq OWNED BY public.buyer_service_areas.id;

CREATE TABLE public.buyers (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    name character varying(200) NOT NULL,
    email character varying(200) NOT NULL,
    phone character varying(20) NOT NULL,
    company character varying(200),
    webhook_url character varying(500),
    webhook_secret character varying(200),
    email_notifications boolean DEFAULT true NOT NULL,
    sms_notifications boolean DEFAULT false NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    balance numeric(14,2) DEFAULT 0.00 NOT NULL,
    credit_limit numeric(10,2),
    billing_cycle character varying(20) DEFAULT 'weekly'::character varying NOT NULL,
    payment_method character varying(50),
    payment_method_id character varying(200),
    currency character(3) DEFAULT 'USD'::bpchar NOT NULL,
    pending_amount numeric(12,2) DEFAULT 0 NOT NULL,
    previous_webhook_secret character varying(200),
    previous_secret_until timestamp with time zone,
    billing jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_since timestamp with time zone,
    provider_customer_id character varying(200),
    payment_method_saved_at timestamp with time zone,
    CONSTRAINT buyers_billing_is_object CHECK ((jsonb_typeof(billing) = 'object'::text)),
    CONSTRAINT buyers_pending_amount_not_negative CHECK ((pending_amount >= (0)::numeric)),
    CONSTRAINT buyers_rotation_ends CHECK (((previous_webhook_secret IS NULL) = (previous_secret_until IS NULL))),
    CONSTRAINT check_non_negative_balance CHECK ((balance >= (0)::numeric))
);

CREATE SEQUENCE public.buyers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.buyers_id_seq OWNED BY public.buyers.id;

CREATE TABLE public.capacity_counters (
    buyer_offer_id integer NOT NULL,
    period character varying(8) NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    claimed integer NOT NULL,
    amount numeric(12,2) DEFAULT 0 NOT NULL,
    CONSTRAINT capacity_counters_claimed_not_negative CHECK ((claimed >= 0)),
    CONSTRAINT capacity_counters_period_valid CHECK (((period)::text = ANY ((ARRAY['hour'::character varying, 'day'::character varying, 'week'::character varying, 'month'::character varying])::text[])))
);

CREATE TABLE public.chargebacks (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    opened_at timestamp with time zone NOT NULL,
    buyer_id integer NOT NULL,
    payment_id bigint NOT NULL,
    provider_id character varying(200) NOT NULL,
    status character varying(16) DEFAULT 'open'::character varying NOT NULL,
    amount numeric(12,2) NOT NULL,
    currency character(3) NOT NULL,
    reason character varying(100),
    evidence_due_by timestamp with time zone,
    from_invoice numeric(12,2) NOT NULL,
    from_wallet numeric(12,2) NOT NULL,
    from_nothing numeric(12,2) NOT NULL,
    debt numeric(12,2) NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT chargebacks_closed_has_time CHECK ((((status)::text = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT chargebacks_debt_of_nothing CHECK ((debt <= from_nothing)),
    CONSTRAINT chargebacks_parts_add_up CHECK ((amount = ((from_invoice + from_wallet) + from_nothing))),
    CONSTRAINT chargebacks_parts_not_negative CHECK (((LEAST(from_invoice, from_wallet, debt) >= (0)::numeric) AND (amount > (0)::numeric))),
    CONSTRAINT chargebacks_status_valid CHECK (((status)::text = ANY ((ARRAY['open'::character varying, 'won'::character varying, 'lost'::character varying])::text[])))
);

ALTER TABLE public.chargebacks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.chargebacks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.configuration_versions (
    number integer NOT NULL,
    applied_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    applied_by character varying(200) NOT NULL,
    summary text NOT NULL,
    changes jsonb NOT NULL,
    snapshot json NOT NULL,
    rolled_back_to integer,
    CONSTRAINT configuration_versions_number_positive CHECK ((number > 0)),
    CONSTRAINT configuration_versions_snapshot_is_list CHECK ((json_typeof(snapshot) = 'array'::text))
);

CREATE TABLE public.credit_note_lines (
    id bigint NOT NULL,
    credit_note_id bigint NOT NULL,
    lead_id integer NOT NULL,
    amount numeric(12,2) NOT NULL,
    CONSTRAINT credit_note_lines_amount_positive CHECK ((amount > (0)::numeric))
);

ALTER TABLE public.credit_note_lines ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.credit_note_lines_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.credit_notes (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    buyer_id integer NOT NULL,
    invoice_id integer NOT NULL,
    currency character(3) NOT NULL,
    series character varying(16) NOT NULL,
    sequence integer NOT NULL,
    number character varying(50) NOT NULL,
    reason character varying(32) NOT NULL,
    note character varying(1000),
    net numeric(12,2) NOT NULL,
    tax numeric(12,2) NOT NULL,
    total numeric(12,2) NOT NULL,
    to_due numeric(12,2) NOT NULL,
    to_wallet numeric(12,2) NOT NULL,
    seller jsonb NOT NULL,
    buyer jsonb NOT NULL,
    actor character varying(200) NOT NULL,
    CONSTRAINT credit_notes_parts_not_negative CHECK (((LEAST(net, tax, to_due, to_wallet) >= (0)::numeric) AND (total > (0)::numeric))),
    CONSTRAINT credit_notes_total_adds_up CHECK (((total = (net + tax)) AND (total = (to_due + to_wallet))))
);

ALTER TABLE public.credit_notes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.credit_notes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deliveries (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    lead_id integer NOT NULL,
    buyer_id integer NOT NULL,
    status character varying(16) DEFAULT 'pending'::character varying NOT NULL,
    channel character varying(16) NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    claimed_until timestamp with time zone,
    settled_at timestamp with time zone,
    review_reason character varying(64),
    endpoint_id bigint,
    claimed_at timestamp with time zone,
    held_since timestamp with time zone,
    timezone character varying(64),
    lost_attempts integer DEFAULT 0 NOT NULL,
    uncounted integer DEFAULT 0 NOT NULL,
    outcome_unknown boolean DEFAULT false NOT NULL,
    jitter_seed integer DEFAULT (floor((random() * (2147483647)::double precision)))::integer NOT NULL,
    content_type character varying(100),
    body bytea,
    reference character varying(100),
    rejection character varying(200),
    release_reason character varying(64),
    verdict character varying(16),
    verdict_buyer_id integer,
    verdict_at timestamp with time zone,
    verdict_by character varying(200),
    CONSTRAINT deliveries_assigned_to_somebody CHECK (((NOT ((verdict)::text IS DISTINCT FROM 'assign'::text)) = (verdict_buyer_id IS NOT NULL))),
    CONSTRAINT deliveries_body_has_type CHECK (((body IS NULL) = (content_type IS NULL))),
    CONSTRAINT deliveries_channel_valid CHECK (((channel)::text = ANY ((ARRAY['webhook'::character varying, 'email'::character varying])::text[]))),
    CONSTRAINT deliveries_pending_has_next CHECK ((((status)::text = 'pending'::text) = (next_attempt_at IS NOT NULL))),
    CONSTRAINT deliveries_release_has_reason CHECK ((((status)::text = 'released'::text) = (release_reason IS NOT NULL))),
    CONSTRAINT deliveries_review_has_reason CHECK ((((status)::text = 'in_review'::text) = (review_reason IS NOT NULL))),
    CONSTRAINT deliveries_status_valid CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'succeeded'::character varying, 'in_review'::character varying, 'released'::character varying])::text[]))),
    CONSTRAINT deliveries_uncounted_of_attempts CHECK (((uncounted >= 0) AND (uncounted <= attempts))),
    CONSTRAINT deliveries_verdict_valid CHECK (((verdict)::text = ANY ((ARRAY['redeliver'::character varying, 'assign'::character varying, 'return'::character varying, 'reject'::character varying, 'succeeded'::character varying])::text[]))),
    CONSTRAINT deliveries_verdict_whole CHECK ((num_nulls(verdict, verdict_at, verdict_by) = ANY (ARRAY[0, 3])))
);

CREATE TABLE public.delivery_attempts (
    id bigint NOT NULL,
    delivery_id uuid NOT NULL,
    channel character varying(16) NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    milliseconds integer,
    outcome character varying(16) NOT NULL,
    http_status integer,
    error character varying(200),
    CONSTRAINT delivery_attempts_outcome_valid CHECK (((outcome)::text = ANY ((ARRAY['succeeded'::character varying, 'rejected'::character varying, 'failed'::character varying, 'failed_for_good'::character varying, 'unknown'::character varying])::text[])))
);

ALTER TABLE public.delivery_attempts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.delivery_attempts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.disposable_domains (
    domain text NOT NULL,
    is_disposable boolean NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT disposable_domains_domain_valid CHECK ((domain ~ '^[a-z0-9.-]{1,253}$'::text))
);

CREATE TABLE public.document_mails (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    invoice_id integer,
    credit_note_id bigint,
    status character varying(16) DEFAULT 'pending'::character varying NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    claimed_until timestamp with time zone,
    sent_at timestamp with time zone,
    error character varying(200),
    CONSTRAINT document_mails_given_up_has_error CHECK ((((status)::text <> 'given_up'::text) OR (error IS NOT NULL))),
    CONSTRAINT document_mails_of_one CHECK ((num_nonnulls(invoice_id, credit_note_id) = 1)),
    CONSTRAINT document_mails_sent_has_time CHECK ((((status)::text = 'sent'::text) = (sent_at IS NOT NULL))),
    CONSTRAINT document_mails_status_valid CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'sent'::character varying, 'given_up'::character varying])::text[])))
);

ALTER TABLE public.document_mails ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.document_mails_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.documents (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    kind character varying(16) NOT NULL,
    format character varying(16) NOT NULL,
    invoice_id integer,
    credit_note_id bigint,
    payout_id bigint,
    media_type character varying(100) NOT NULL,
    filename character varying(200) NOT NULL,
    content bytea NOT NULL,
    sha256 character(64) NOT NULL,
    CONSTRAINT documents_format_valid CHECK (((format)::text = ANY ((ARRAY['pdf'::character varying, 'ubl'::character varying, 'factur_x'::character varying])::text[]))),
    CONSTRAINT documents_hash_is_of_content CHECK (((sha256)::text = encode(sha256(content), 'hex'::text))),
    CONSTRAINT documents_kind_names_its_own CHECK (
CASE kind
    WHEN 'invoice'::text THEN ((invoice_id IS NOT NULL) AND (num_nonnulls(credit_note_id, payout_id) = 0))
    WHEN 'credit_note'::text THEN ((credit_note_id IS NOT NULL) AND (num_nonnulls(invoice_id, payout_id) = 0))
    WHEN 'payout'::text THEN ((payout_id IS NOT NULL) AND (num_nonnulls(invoice_id, credit_note_id) = 0))
    ELSE false
END)
);

ALTER TABLE public.documents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.documents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.dunning_notices (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    invoice_id integer NOT NULL,
    step integer NOT NULL,
    status character varying(16) DEFAULT 'claimed'::character varying NOT NULL,
    claimed_until timestamp with time zone NOT NULL,
    unknown_outcomes integer DEFAULT 1 NOT NULL,
    sent_at timestamp with time zone,
    error character varying(200),
    CONSTRAINT dunning_notices_sent_has_time CHECK ((((status)::text = 'sent'::text) = (sent_at IS NOT NULL))),
    CONSTRAINT dunning_notices_status_valid CHECK (((status)::text = ANY ((ARRAY['claimed'::character varying, 'sent'::character varying, 'failed'::character varying])::text[])))
);

ALTER TABLE public.dunning_notices ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dunning_notices_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.endpoints (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    owner character varying(32) NOT NULL,
    url character varying(500) NOT NULL,
    state character varying(16) DEFAULT 'closed'::character varying NOT NULL,
    state_since timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    reason character varying(200),
    failures integer DEFAULT 0 NOT NULL,
    openings integer DEFAULT 0 NOT NULL,
    allowed integer DEFAULT 10 NOT NULL,
    open_until timestamp with time zone,
    CONSTRAINT endpoints_allowed_positive CHECK ((allowed >= 1)),
    CONSTRAINT endpoints_state_valid CHECK (((state)::text = ANY ((ARRAY['closed'::character varying, 'open'::character varying, 'half_open'::character varying, 'gone'::character varying])::text[])))
);

ALTER TABLE public.endpoints ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.endpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoice_disputes (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    invoice_id integer NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by character varying(200) NOT NULL,
    reason character varying(1000) NOT NULL,
    closed_at timestamp with time zone,
    closed_by character varying(200),
    outcome character varying(16),
    remark character varying(1000),
    CONSTRAINT invoice_disputes_closed_whole CHECK ((num_nulls(closed_at, closed_by, outcome) = ANY (ARRAY[0, 3]))),
    CONSTRAINT invoice_disputes_outcome_valid CHECK (((outcome)::text = ANY ((ARRAY['upheld'::character varying, 'rejected'::character varying, 'withdrawn'::character varying])::text[])))
);

ALTER TABLE public.invoice_disputes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.invoice_disputes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoice_lines (
    id bigint NOT NULL,
    invoice_id integer NOT NULL,
    lead_id integer NOT NULL,
    delivered_at timestamp with time zone NOT NULL,
    amount numeric(10,2) NOT NULL,
    released_at timestamp with time zone
);

ALTER TABLE public.invoice_lines ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.invoice_lines_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoice_settlements (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    invoice_id integer NOT NULL,
    kind character varying(32) NOT NULL,
    amount numeric(12,2) NOT NULL,
    payment_id bigint,
    credit_note_id bigint,
    chargeback_id bigint,
    CONSTRAINT invoice_settlements_kind_valid CHECK (
CASE kind
    WHEN 'wallet'::text THEN (amount > (0)::numeric)
    WHEN 'payment'::text THEN ((amount > (0)::numeric) AND (payment_id IS NOT NULL))
    WHEN 'payment_undone'::text THEN ((amount < (0)::numeric) AND (payment_id IS NOT NULL))
    WHEN 'credit_note'::text THEN ((amount > (0)::numeric) AND (credit_note_id IS NOT NULL))
    WHEN 'chargeback'::text THEN ((amount < (0)::numeric) AND (chargeback_id IS NOT NULL))
    WHEN 'chargeback_won'::text THEN ((amount > (0)::numeric) AND (chargeback_id IS NOT NULL))
    WHEN 'write_off'::text THEN (amount > (0)::numeric)
    WHEN 'write_off_undone'::text THEN (amount < (0)::numeric)
    ELSE false
END)
);

ALTER TABLE public.invoice_settlements ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.invoice_settlements_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoices (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    offer_id integer NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    due_date timestamp with time zone NOT NULL,
    invoice_number character varying(50),
    status public.invoice_status DEFAULT 'draft'::public.invoice_status NOT NULL,
    total_leads integer DEFAULT 0 NOT NULL,
    tax_amount numeric(12,2) DEFAULT 0.00 NOT NULL,
    total_amount numeric(12,2) DEFAULT 0.00 NOT NULL,
    payment_method public.payment_method,
    paid_at timestamp with time zone,
    transaction_id character varying(200),
    disputed_at timestamp with time zone,
    dispute_reason text,
    resolved_at timestamp with time zone,
    resolution_notes text,
    currency character(3) NOT NULL,
    timezone character varying(64) NOT NULL,
    occasion character varying(16) DEFAULT 'cycle'::character varying NOT NULL,
    issued_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    series character varying(16),
    sequence integer,
    terms_days integer DEFAULT 14 NOT NULL,
    subtotal numeric(12,2) DEFAULT 0 NOT NULL,
    tax_rate numeric(6,3) DEFAULT 0 NOT NULL,
    tax_name character varying(50),
    tax_note character varying(500),
    subject character varying(420),
    seller jsonb,
    buyer jsonb,
    wallet_applied numeric(12,2) DEFAULT 0 NOT NULL,
    amount_paid numeric(12,2) DEFAULT 0 NOT NULL,
    amount_credited numeric(12,2) DEFAULT 0 NOT NULL,
    amount_written_off numeric(12,2) DEFAULT 0 NOT NULL,
    promised_until timestamp with time zone,
    amount_due numeric(12,2) GENERATED ALWAYS AS (((((total_amount - wallet_applied) - amount_paid) - amount_credited) - amount_written_off)) STORED NOT NULL,
    CONSTRAINT check_non_negative_amount CHECK ((amount_due >= (0)::numeric)),
    CONSTRAINT check_non_negative_leads CHECK ((total_leads >= 0)),
    CONSTRAINT check_valid_period CHECK ((period_start < period_end)),
    CONSTRAINT invoices_cancelled_has_time CHECK (((status = 'cancelled'::public.invoice_status) = (cancelled_at IS NOT NULL))),
    CONSTRAINT invoices_cancelled_is_nothing_due CHECK (((status <> 'cancelled'::public.invoice_status) OR (issued_at IS NULL) OR (amount_due = (0)::numeric))),
    CONSTRAINT invoices_issue_whole CHECK ((num_nulls(issued_at, invoice_number, series, sequence, subject, seller, buyer) = ANY (ARRAY[0, 7]))),
    CONSTRAINT invoices_issued_by_status CHECK (
CASE status
    WHEN 'draft'::public.invoice_status THEN (issued_at IS NULL)
    WHEN 'cancelled'::public.invoice_status THEN true
    ELSE (issued_at IS NOT NULL)
END),
    CONSTRAINT invoices_occasion_valid CHECK (((occasion)::text = ANY ((ARRAY['cycle'::character varying, 'threshold'::character varying])::text[]))),
    CONSTRAINT invoices_paid_is_nothing_due CHECK (((status = ANY (ARRAY['draft'::public.invoice_status, 'cancelled'::public.invoice_status])) OR ((status = 'paid'::public.invoice_status) = (amount_due = (0)::numeric)))),
    CONSTRAINT invoices_parts_not_negative CHECK ((LEAST(subtotal, tax_amount, wallet_applied, amount_paid, amount_credited, amount_written_off) >= (0)::numeric)),
    CONSTRAINT invoices_total_adds_up CHECK ((total_amount = (subtotal + tax_amount)))
);

CREATE SEQUENCE public.invoices_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.invoices_id_seq OWNED BY public.invoices.id;

CREATE TABLE public.invoicing_failures (
    buyer_id integer NOT NULL,
    failed_at timestamp with time zone NOT NULL,
    failures integer DEFAULT 1 NOT NULL,
    error character varying(500) NOT NULL
);

CREATE TABLE public.lead_decisions (
    id bigint NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    lead_id integer NOT NULL,
    stage character varying(16) NOT NULL,
    outcome character varying(32) NOT NULL,
    reason character varying(64),
    policy_id integer NOT NULL,
    policy_version integer NOT NULL,
    inputs jsonb NOT NULL,
    trace jsonb NOT NULL,
    CONSTRAINT lead_decisions_stage_valid CHECK (((stage)::text = ANY ((ARRAY['duplicates'::character varying, 'validation'::character varying, 'routing'::character varying])::text[])))
);

ALTER TABLE public.lead_decisions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lead_decisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lead_duplicate_events (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    lead_id integer NOT NULL,
    matched_lead_id integer NOT NULL,
    offer_id integer NOT NULL,
    source_id integer NOT NULL,
    match_keys text[] NOT NULL,
    window_hours integer NOT NULL,
    match_mode character varying(8) NOT NULL,
    include_sources character varying(16) NOT NULL,
    action character varying(8) NOT NULL,
    reason_code character varying(64) NOT NULL
);

CREATE SEQUENCE public.lead_duplicate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.lead_duplicate_events_id_seq OWNED BY public.lead_duplicate_events.id;

CREATE TABLE public.lead_returns (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    lead_id integer NOT NULL,
    buyer_id integer NOT NULL,
    offer_id integer NOT NULL,
    reason character varying(32) NOT NULL,
    note character varying(1000),
    requested_by character varying(200) NOT NULL,
    status character varying(16) DEFAULT 'requested'::character varying NOT NULL,
    trace jsonb NOT NULL,
    decided_at timestamp with time zone,
    decided_by character varying(200),
    remark character varying(1000),
    credit_note_id bigint,
    transaction_id bigint,
    CONSTRAINT lead_returns_approved_is_posted CHECK ((((status)::text = 'approved'::text) = (transaction_id IS NOT NULL))),
    CONSTRAINT lead_returns_decided_whole CHECK (((((status)::text = 'requested'::text) = (decided_at IS NULL)) AND ((decided_at IS NULL) = (decided_by IS NULL)))),
    CONSTRAINT lead_returns_status_valid CHECK (((status)::text = ANY ((ARRAY['requested'::character varying, 'approved'::character varying, 'rejected'::character varying])::text[])))
);

ALTER TABLE public.lead_returns ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lead_returns_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.leads (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    market_id integer NOT NULL,
    vertical_id integer NOT NULL,
    offer_id integer NOT NULL,
    source_id integer NOT NULL,
    idempotency_key character varying(128),
    source character varying(100) DEFAULT 'landing_page'::character varying NOT NULL,
    name character varying(200) NOT NULL,
    email character varying(200) NOT NULL,
    phone character varying(20) NOT NULL,
    country_code character(2) DEFAULT 'US'::bpchar NOT NULL,
    postal_code character varying(16) NOT NULL,
    city character varying(128),
    region_code character varying(20),
    message text,
    status public.lead_status DEFAULT 'received'::public.lead_status NOT NULL,
    validation_reason character varying(500),
    buyer_id integer,
    delivered_at timestamp with time zone,
    accepted_at timestamp with time zone,
    rejected_at timestamp with time zone,
    rejection_reason character varying(500),
    billing_status public.billing_status DEFAULT 'pending'::public.billing_status NOT NULL,
    price numeric(10,2),
    billed_at timestamp with time zone,
    paid_at timestamp with time zone,
    utm_source character varying(100),
    utm_medium character varying(100),
    utm_campaign character varying(100),
    ip_address inet,
    user_agent text,
    normalized_email character varying(320),
    normalized_phone character varying(32),
    duplicate_of_lead_id integer,
    is_duplicate boolean DEFAULT false NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    consent boolean,
    gdpr_consent boolean,
    content_hash character(64),
    trace_id character varying(64),
    delivered_price numeric(10,2),
    price_components jsonb,
    unrouted_at timestamp with time zone,
    unrouted_reason character varying(64),
    route_again_at timestamp with time zone,
    route_attempts integer DEFAULT 0 NOT NULL,
    erased_at timestamp with time zone,
    in_review_since timestamp with time zone,
    review_reason character varying(64),
    review_detail character varying(1000),
    released_at timestamp with time zone,
    fraud_score integer,
    lead_score integer,
    flags text[] DEFAULT '{}'::text[] NOT NULL,
    ip_country character(2),
    assigned_buyer_id integer,
    CONSTRAINT leads_attributes_is_object CHECK ((jsonb_typeof(attributes) = 'object'::text)),
    CONSTRAINT leads_delivered_price_positive CHECK (((delivered_price IS NULL) OR (delivered_price > (0)::numeric))),
    CONSTRAINT leads_delivered_price_with_components CHECK (((delivered_price IS NULL) = (price_components IS NULL))),
    CONSTRAINT leads_normalized_email_len CHECK (((normalized_email IS NULL) OR ((length((normalized_email)::text) >= 3) AND (length((normalized_email)::text) <= 320)))),
    CONSTRAINT leads_normalized_phone_len CHECK (((normalized_phone IS NULL) OR ((length((normalized_phone)::text) >= 7) AND (length((normalized_phone)::text) <= 32)))),
    CONSTRAINT leads_review_has_reason CHECK (((in_review_since IS NULL) = (review_reason IS NULL)))
);

CREATE SEQUENCE public.leads_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.leads_id_seq OWNED BY public.leads.id;

CREATE TABLE public.ledger_entries (
    id bigint NOT NULL,
    transaction_id bigint NOT NULL,
    kind character varying(32) NOT NULL,
    debit character varying(32) NOT NULL,
    credit character varying(32) NOT NULL,
    amount numeric(12,2) NOT NULL,
    CONSTRAINT ledger_entries_amount_positive CHECK ((amount > (0)::numeric))
);

ALTER TABLE public.ledger_entries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ledger_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.ledger_pairs (
    kind character varying(32) NOT NULL,
    debit character varying(32) NOT NULL,
    credit character varying(32) NOT NULL,
    CONSTRAINT ledger_pairs_two_accounts CHECK (((debit)::text <> (credit)::text))
);

CREATE TABLE public.ledger_transactions (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    kind character varying(32) NOT NULL,
    idempotency_key character varying(200) NOT NULL,
    currency character(3) NOT NULL,
    buyer_id integer,
    publisher_id integer,
    lead_id integer,
    invoice_id integer,
    payment_id bigint,
    credit_note_id bigint,
    reverses_id bigint,
    actor character varying(200) NOT NULL,
    fingerprint character(64),
    note character varying(500),
    CONSTRAINT ledger_transactions_of_somebody CHECK ((num_nonnulls(buyer_id, publisher_id) = 1))
);

CREATE VIEW public.ledger_postings AS
 SELECT e.id AS entry_id,
    e.transaction_id,
    t.kind,
    t.occurred_at,
    t.currency,
    t.buyer_id,
    t.publisher_id,
    t.lead_id,
    t.invoice_id,
    side.account,
    side.amount
   FROM ((public.ledger_entries e
     JOIN public.ledger_transactions t ON ((t.id = e.transaction_id)))
     CROSS JOIN LATERAL ( VALUES (e.debit,e.amount), (e.credit,(- e.amount))) side(account, amount));

ALTER TABLE public.ledger_transactions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ledger_transactions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lifecycle_events (
    event_key character varying(128) NOT NULL,
    event character varying(64) NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    lead_id integer,
    message jsonb NOT NULL
);

CREATE TABLE public.mail_domains (
    domain text NOT NULL,
    accepts_mail boolean NOT NULL,
    checked_at timestamp with time zone NOT NULL
);

CREATE TABLE public.markets (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    name character varying(200) NOT NULL,
    country_code character(2) DEFAULT 'US'::bpchar NOT NULL,
    region_code character varying(20),
    timezone character varying(64) NOT NULL,
    currency character(3) DEFAULT 'USD'::bpchar NOT NULL,
    is_active boolean DEFAULT true NOT NULL
);

CREATE SEQUENCE public.markets_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.markets_id_seq OWNED BY public.markets.id;

CREATE TABLE public.notice_attempts (
    id bigint NOT NULL,
    notice_id uuid NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    milliseconds integer,
    outcome character varying(16) NOT NULL,
    http_status integer,
    error character varying(200),
    CONSTRAINT notice_attempts_outcome_valid CHECK (((outcome)::text = ANY ((ARRAY['succeeded'::character varying, 'rejected'::character varying, 'failed'::character varying, 'failed_for_good'::character varying, 'unknown'::character varying])::text[])))
);

ALTER TABLE public.notice_attempts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notice_attempts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notices (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    kind character varying(16) NOT NULL,
    event character varying(64) NOT NULL,
    event_key character varying(128),
    subscription_id bigint,
    delivery_id uuid,
    replay_batch_id bigint,
    body bytea,
    status character varying(16) DEFAULT 'pending'::character varying NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    lost_attempts integer DEFAULT 0 NOT NULL,
    jitter_seed integer DEFAULT (floor((random() * (2147483647)::double precision)))::integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone,
    held_since timestamp with time zone,
    claimed_at timestamp with time zone,
    claimed_until timestamp with time zone,
    endpoint_id bigint,
    settled_at timestamp with time zone,
    error character varying(200),
    CONSTRAINT notices_event_has_key CHECK ((((kind)::text = 'event'::text) = (event_key IS NOT NULL))),
    CONSTRAINT notices_given_up_has_error CHECK ((((status)::text = 'given_up'::text) = (error IS NOT NULL))),
    CONSTRAINT notices_kind_has_its_own CHECK (
CASE
    WHEN ((kind)::text = ANY ((ARRAY['event'::character varying, 'trial'::character varying])::text[])) THEN ((subscription_id IS NOT NULL) AND (delivery_id IS NULL) AND (body IS NOT NULL))
    ELSE ((subscription_id IS NULL) AND (delivery_id IS NOT NULL) AND (body IS NULL))
END),
    CONSTRAINT notices_kind_valid CHECK (((kind)::text = ANY ((ARRAY['event'::character varying, 'trial'::character varying, 'sms'::character varying, 'replay'::character varying])::text[]))),
    CONSTRAINT notices_lost_of_attempts CHECK (((lost_attempts >= 0) AND (lost_attempts <= attempts))),
    CONSTRAINT notices_only_replays_have_batches CHECK (((replay_batch_id IS NULL) OR ((kind)::text = 'replay'::text))),
    CONSTRAINT notices_pending_has_next CHECK ((((status)::text = 'pending'::text) = (next_attempt_at IS NOT NULL))),
    CONSTRAINT notices_settled_has_time CHECK ((((status)::text = 'pending'::text) = (settled_at IS NULL))),
    CONSTRAINT notices_status_valid CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'succeeded'::character varying, 'given_up'::character varying])::text[])))
);

CREATE TABLE public.number_series (
    series character varying(16) NOT NULL,
    last integer NOT NULL,
    CONSTRAINT number_series_last_positive CHECK ((last > 0))
);

CREATE TABLE public.offer_exclusivities (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    offer_id integer NOT NULL,
    scope_type character varying(16) NOT NULL,
    scope_value character varying(64) NOT NULL,
    buyer_id integer NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT offer_exclusivities_scope_type_valid CHECK (((scope_type)::text = ANY ((ARRAY['postal_code'::character varying, 'city'::character varying])::text[])))
);

CREATE SEQUENCE public.offer_exclusivities_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.offer_exclusivities_id_seq OWNED BY public.offer_exclusivities.id;

CREATE TABLE public.offers (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    market_id integer NOT NULL,
    vertical_id integer NOT NULL,
    name character varying(200) NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    default_price_per_lead numeric(10,2) NOT NULL,
    invoice_threshold numeric(10,2) DEFAULT 500.00 NOT NULL,
    validation_policy_id integer NOT NULL,
    routing_policy_id integer NOT NULL,
    returns jsonb,
    CONSTRAINT offers_price_positive CHECK ((default_price_per_lead > (0)::numeric)),
    CONSTRAINT offers_returns_is_object CHECK ((jsonb_typeof(returns) = 'object'::text)),
    CONSTRAINT offers_threshold_non_negative CHECK ((invoice_threshold >= (0)::numeric))
);

CREATE SEQUENCE public.offers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.offers_id_seq OWNED BY public.offers.id;

CREATE TABLE public.payment_events (
    provider character varying(16) NOT NULL,
    event_id character varying(200) NOT NULL,
    type character varying(100) NOT NULL,
    object_id character varying(200) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    facts jsonb NOT NULL,
    processed_at timestamp with time zone,
    outcome character varying(64),
    attempts integer DEFAULT 0 NOT NULL,
    waits_for character varying(64),
    CONSTRAINT payment_events_outcome_when_processed CHECK (((processed_at IS NULL) = (outcome IS NULL)))
);

CREATE TABLE public.payments (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    invoice_id integer,
    method public.payment_method NOT NULL,
    status character varying(16) NOT NULL,
    amount numeric(12,2) NOT NULL,
    currency character(3) NOT NULL,
    received_at timestamp with time zone,
    to_invoice numeric(12,2) DEFAULT 0 NOT NULL,
    to_debt numeric(12,2) DEFAULT 0 NOT NULL,
    to_wallet numeric(12,2) DEFAULT 0 NOT NULL,
    provider_id character varying(200),
    reference character varying(200),
    note character varying(500),
    actor character varying(200) NOT NULL,
    idempotency_key character varying(200),
    is_automatic boolean DEFAULT false NOT NULL,
    error character varying(200),
    undone_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    claimed_until timestamp with time zone,
    payment_method_id character varying(200),
    CONSTRAINT payments_amount_positive CHECK ((amount > (0)::numeric)),
    CONSTRAINT payments_failed_has_error CHECK ((((status)::text = 'failed'::text) = (error IS NOT NULL))),
    CONSTRAINT payments_parts_add_up CHECK ((((to_invoice + to_debt) + to_wallet) =
CASE
    WHEN ((status)::text = ANY ((ARRAY['succeeded'::character varying, 'undone'::character varying])::text[])) THEN amount
    ELSE (0)::numeric
END)),
    CONSTRAINT payments_parts_not_negative CHECK ((LEAST(to_invoice, to_debt, to_wallet) >= (0)::numeric)),
    CONSTRAINT payments_received_when_succeeded CHECK ((((status)::text <> ALL ((ARRAY['succeeded'::character varying, 'undone'::character varying])::text[])) OR (received_at IS NOT NULL))),
    CONSTRAINT payments_status_valid CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'succeeded'::character varying, 'failed'::character varying, 'undone'::character varying])::text[]))),
    CONSTRAINT payments_undone_has_time CHECK ((((status)::text = 'undone'::text) = (undone_at IS NOT NULL)))
);

ALTER TABLE public.payments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payout_lines (
    transaction_id bigint NOT NULL,
    payout_id bigint NOT NULL,
    amount numeric(12,2) NOT NULL,
    CONSTRAINT payout_lines_amount_moves CHECK ((amount <> (0)::numeric))
);

CREATE TABLE public.payouts (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    publisher_id integer NOT NULL,
    currency character(3) NOT NULL,
    timezone character varying(64) NOT NULL,
    series character varying(16) NOT NULL,
    sequence integer NOT NULL,
    number character varying(50) NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    earned numeric(12,2) NOT NULL,
    reversed numeric(12,2) NOT NULL,
    total numeric(12,2) NOT NULL,
    actor character varying(200) NOT NULL,
    status character varying(16) DEFAULT 'issued'::character varying NOT NULL,
    paid_at timestamp with time zone,
    paid_by character varying(200),
    reference character varying(200),
    CONSTRAINT payouts_paid_whole CHECK ((num_nulls(paid_at, paid_by, reference) =
CASE status
    WHEN 'paid'::text THEN 0
    ELSE 3
END)),
    CONSTRAINT payouts_pay_something CHECK (((total > (0)::numeric) AND (LEAST(earned, reversed) >= (0)::numeric))),
    CONSTRAINT payouts_status_valid CHECK (((status)::text = ANY ((ARRAY['issued'::character varying, 'paid'::character varying])::text[]))),
    CONSTRAINT payouts_total_adds_up CHECK ((total = (earned - reversed)))
);

ALTER TABLE public.payouts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payouts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.places (
    market_id integer NOT NULL,
    postal_code character varying(16) NOT NULL,
    latitude numeric(8,5) NOT NULL,
    longitude numeric(8,5) NOT NULL,
    CONSTRAINT places_latitude_valid CHECK (((latitude >= ('-90'::integer)::numeric) AND (latitude <= (90)::numeric))),
    CONSTRAINT places_longitude_valid CHECK (((longitude >= ('-180'::integer)::numeric) AND (longitude <= (180)::numeric)))
);

CREATE TABLE public.publishers (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    name character varying(200) NOT NULL,
    email character varying(200) NOT NULL,
    currency character(3) DEFAULT 'USD'::bpchar NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    timezone character varying(64) DEFAULT 'UTC'::character varying NOT NULL
);

ALTER TABLE public.publishers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.publishers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.radius_postal_codes (
    area_id integer NOT NULL,
    market_id integer NOT NULL,
    postal_code character varying(16) NOT NULL
);

CREATE TABLE public.refunds (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    buyer_id integer NOT NULL,
    payment_id bigint NOT NULL,
    amount numeric(12,2) NOT NULL,
    currency character(3) NOT NULL,
    status character varying(16) NOT NULL,
    reason character varying(200) NOT NULL,
    reference character varying(200),
    actor character varying(200) NOT NULL,
    idempotency_key character varying(200),
    provider_id character varying(200),
    attempts integer DEFAULT 0 NOT NULL,
    settled_at timestamp with time zone,
    error character varying(200),
    claimed_until timestamp with time zone,
    CONSTRAINT refunds_amount_positive CHECK ((amount > (0)::numeric)),
    CONSTRAINT refunds_failed_has_error CHECK ((((status)::text = 'failed'::text) = (error IS NOT NULL))),
    CONSTRAINT refunds_settled_has_time CHECK ((((status)::text = 'pending'::text) = (settled_at IS NULL))),
    CONSTRAINT refunds_status_valid CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'succeeded'::character varying, 'failed'::character varying])::text[])))
);

ALTER TABLE public.refunds ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.refunds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.replay_batches (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    buyer_id integer NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    rate integer NOT NULL,
    paced_to timestamp with time zone NOT NULL,
    queued_to timestamp with time zone NOT NULL,
    CONSTRAINT replay_batches_range CHECK ((since < until)),
    CONSTRAINT replay_batches_rate_valid CHECK (((rate >= 1) AND (rate <= 50)))
);

ALTER TABLE public.replay_batches ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.replay_batches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rotations (
    offer_id integer NOT NULL,
    rotation_key bytea NOT NULL,
    members integer[] NOT NULL,
    weights integer[] NOT NULL,
    assigned integer[] NOT NULL,
    used_at timestamp with time zone NOT NULL,
    CONSTRAINT rotations_arrays_match CHECK (((cardinality(members) = cardinality(weights)) AND (cardinality(members) = cardinality(assigned))))
);

CREATE TABLE public.routing_policies (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    name character varying(200) NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    config jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT routing_policies_config_is_object CHECK ((jsonb_typeof(config) = 'object'::text))
);

CREATE SEQUENCE public.routing_policies_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.routing_policies_id_seq OWNED BY public.routing_policies.id;

CREATE TABLE public.schema_migrations (
    name text NOT NULL,
    checksum character(64) NOT NULL,
    applied_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE public.seller (
    id boolean DEFAULT true NOT NULL,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    details jsonb NOT NULL,
    CONSTRAINT seller_details_is_object CHECK ((jsonb_typeof(details) = 'object'::text)),
    CONSTRAINT seller_is_one CHECK (id)
);

CREATE TABLE public.sources (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    offer_id integer NOT NULL,
    source_key character varying(128) NOT NULL,
    kind character varying(32) NOT NULL,
    name character varying(200) NOT NULL,
    hostname character varying(255),
    path_prefix character varying(255),
    api_key_hash character varying(255),
    is_active boolean DEFAULT true NOT NULL,
    publisher_id integer,
    earning jsonb,
    CONSTRAINT sources_earning_has_publisher CHECK (((earning IS NULL) OR (publisher_id IS NOT NULL))),
    CONSTRAINT sources_earning_is_object CHECK ((jsonb_typeof(earning) = 'object'::text)),
    CONSTRAINT sources_http_mapping_requires_hostname CHECK ((((path_prefix IS NULL) AND (hostname IS NULL)) OR (hostname IS NOT NULL))),
    CONSTRAINT sources_kind_valid CHECK (((kind)::text = ANY ((ARRAY['landing_page'::character varying, 'partner_api'::character varying, 'embed_form'::character varying])::text[]))),
    CONSTRAINT sources_path_prefix_format CHECK (((path_prefix IS NULL) OR ((path_prefix)::text ~ '^/'::text)))
);

CREATE SEQUENCE public.sources_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.sources_id_seq OWNED BY public.sources.id;

CREATE TABLE public.subscriptions (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    buyer_id integer,
    url character varying(500) NOT NULL,
    events text[] NOT NULL,
    secret character varying(200) NOT NULL,
    previous_secret character varying(200),
    previous_secret_until timestamp with time zone,
    ended_at timestamp with time zone,
    end_reason character varying(64),
    CONSTRAINT subscriptions_end_has_reason CHECK (((ended_at IS NULL) = (end_reason IS NULL))),
    CONSTRAINT subscriptions_events_some CHECK ((cardinality(events) > 0)),
    CONSTRAINT subscriptions_rotation_ends CHECK (((previous_secret IS NULL) = (previous_secret_until IS NULL)))
);

ALTER TABLE public.subscriptions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.subscriptions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.suppressions (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    kind text NOT NULL,
    hash text NOT NULL,
    offer_id integer,
    reason text,
    CONSTRAINT suppressions_hash_valid CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT suppressions_kind_valid CHECK ((kind = ANY (ARRAY['phone'::text, 'email'::text]))),
    CONSTRAINT suppressions_reason_length CHECK ((length(reason) <= 200))
);

ALTER TABLE public.suppressions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.suppressions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.uninvoiced_leads (
    lead_id integer NOT NULL,
    buyer_id integer NOT NULL,
    offer_id integer NOT NULL,
    delivered_at timestamp with time zone NOT NULL,
    since timestamp with time zone NOT NULL,
    price numeric(10,2) NOT NULL
);

CREATE TABLE public.validation_policies (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    name character varying(200) NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    rules jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT validation_policies_rules_is_object CHECK ((jsonb_typeof(rules) = 'object'::text))
);

CREATE SEQUENCE public.validation_policies_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.validation_policies_id_seq OWNED BY public.validation_policies.id;

CREATE TABLE public.verticals (
    id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    slug character varying(64) NOT NULL,
    name character varying(200) NOT NULL,
    is_active boolean DEFAULT true NOT NULL
);

CREATE SEQUENCE public.verticals_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.verticals_id_seq OWNED BY public.verticals.id;

CREATE TABLE public.wallets (
    buyer_id integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamp with time zone,
    balance numeric(14,2) DEFAULT 0 NOT NULL,
    CONSTRAINT wallets_balance_not_negative CHECK ((balance >= (0)::numeric))
);

ALTER TABLE ONLY public.audit_logs ALTER COLUMN id SET DEFAULT nextval('public.audit_logs_id_seq'::regclass);

ALTER TABLE ONLY public.buyer_offers ALTER COLUMN id SET DEFAULT nextval('public.buyer_offers_id_seq'::regclass);

ALTER TABLE ONLY public.buyer_service_areas ALTER COLUMN id SET DEFAULT nextval('public.buyer_service_areas_id_seq'::regclass);

ALTER TABLE ONLY public.buyers ALTER COLUMN id SET DEFAULT nextval('public.buyers_id_seq'::regclass);

ALTER TABLE ONLY public.invoices ALTER COLUMN id SET DEFAULT nextval('public.invoices_id_seq'::regclass);

ALTER TABLE ONLY public.lead_duplicate_events ALTER COLUMN id SET DEFAULT nextval('public.lead_duplicate_events_id_seq'::regclass);

ALTER TABLE ONLY public.leads ALTER COLUMN id SET DEFAULT nextval('public.leads_id_seq'::regclass);

ALTER TABLE ONLY public.markets ALTER COLUMN id SET DEFAULT nextval('public.markets_id_seq'::regclass);

ALTER TABLE ONLY public.offer_exclusivities ALTER COLUMN id SET DEFAULT nextval('public.offer_exclusivities_id_seq'::regclass);

ALTER TABLE ONLY public.offers ALTER COLUMN id SET DEFAULT nextval('public.offers_id_seq'::regclass);

ALTER TABLE ONLY public.routing_policies ALTER COLUMN id SET DEFAULT nextval('public.routing_policies_id_seq'::regclass);

ALTER TABLE ONLY public.sources ALTER COLUMN id SET DEFAULT nextval('public.sources_id_seq'::regclass);

ALTER TABLE ONLY public.validation_policies ALTER COLUMN id SET DEFAULT nextval('public.validation_policies_id_seq'::regclass);

ALTER TABLE ONLY public.verticals ALTER COLUMN id SET DEFAULT nextval('public.verticals_id_seq'::regclass);

ALTER TABLE ONLY public.audit_logs
    ADD CONSTRAINT audit_logs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audits
    ADD CONSTRAINT audits_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.buyer_offers
    ADD CONSTRAINT buyer_offers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.buyer_offers
    ADD CONSTRAINT buyer_offers_unique UNIQUE (buyer_id, offer_id);

ALTER TABLE ONLY public.buyer_service_areas
    ADD CONSTRAINT buyer_service_areas_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.buyer_service_areas
    ADD CONSTRAINT buyer_service_areas_unique UNIQUE (buyer_id, market_id, scope_type, scope_value);

ALTER TABLE ONLY public.buyers
    ADD CONSTRAINT buyers_email_key UNIQUE (email);

ALTER TABLE ONLY public.buyers
    ADD CONSTRAINT buyers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.capacity_counters
    ADD CONSTRAINT capacity_counters_pkey PRIMARY KEY (buyer_offer_id, period, starts_at);

ALTER TABLE ONLY public.chargebacks
    ADD CONSTRAINT chargebacks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.chargebacks
    ADD CONSTRAINT chargebacks_provider_id_unique UNIQUE (provider_id);

ALTER TABLE ONLY public.configuration_versions
    ADD CONSTRAINT configuration_versions_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.credit_note_lines
    ADD CONSTRAINT credit_note_lines_lead_once UNIQUE (lead_id);

ALTER TABLE ONLY public.credit_note_lines
    ADD CONSTRAINT credit_note_lines_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_notes
    ADD CONSTRAINT credit_notes_number_unique UNIQUE (number);

ALTER TABLE ONLY public.credit_notes
    ADD CONSTRAINT credit_notes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credit_notes
    ADD CONSTRAINT credit_notes_sequence_unique UNIQUE (series, sequence);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_unique UNIQUE (delivery_id, channel, attempt, outcome);

ALTER TABLE ONLY public.disposable_domains
    ADD CONSTRAINT disposable_domains_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_credit_note_once UNIQUE (credit_note_id);

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_invoice_once UNIQUE (invoice_id);

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dunning_notices
    ADD CONSTRAINT dunning_notices_once UNIQUE (invoice_id, step);

ALTER TABLE ONLY public.dunning_notices
    ADD CONSTRAINT dunning_notices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_unique UNIQUE (owner, url);

ALTER TABLE ONLY public.invoice_disputes
    ADD CONSTRAINT invoice_disputes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invoice_settlements
    ADD CONSTRAINT invoice_settlements_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_invoice_number_key UNIQUE (invoice_number);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_periods_apart EXCLUDE USING gist (buyer_id WITH =, offer_id WITH =, tstzrange(period_start, period_end) WITH &&) WHERE (((status <> 'cancelled'::public.invoice_status) OR (issued_at IS NOT NULL)));

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_sequence_unique UNIQUE (series, sequence);

ALTER TABLE ONLY public.invoicing_failures
    ADD CONSTRAINT invoicing_failures_pkey PRIMARY KEY (buyer_id);

ALTER TABLE ONLY public.lead_decisions
    ADD CONSTRAINT lead_decisions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lead_duplicate_events
    ADD CONSTRAINT lead_duplicate_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_idempotency_unique_per_source UNIQUE (source_id, idempotency_key);

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT ledger_entries_pair_once UNIQUE (transaction_id, debit, credit);

ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_pairs
    ADD CONSTRAINT ledger_pairs_pkey PRIMARY KEY (kind, debit, credit);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_key_unique UNIQUE (idempotency_key);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_kind_of_entries UNIQUE (id, kind);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_reversed_once UNIQUE (reverses_id);

ALTER TABLE ONLY public.lifecycle_events
    ADD CONSTRAINT lifecycle_events_pkey PRIMARY KEY (event_key);

ALTER TABLE ONLY public.mail_domains
    ADD CONSTRAINT mail_domains_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY public.markets
    ADD CONSTRAINT markets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice_attempts
    ADD CONSTRAINT notice_attempts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice_attempts
    ADD CONSTRAINT notice_attempts_unique UNIQUE (notice_id, attempt, outcome);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.number_series
    ADD CONSTRAINT number_series_pkey PRIMARY KEY (series);

ALTER TABLE ONLY public.offer_exclusivities
    ADD CONSTRAINT offer_exclusivities_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.offer_exclusivities
    ADD CONSTRAINT offer_exclusivities_unique UNIQUE (offer_id, scope_type, scope_value);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_unique_market_vertical_name UNIQUE (market_id, vertical_id, name);

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_pkey PRIMARY KEY (provider, event_id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_key_unique UNIQUE (idempotency_key);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_provider_id_unique UNIQUE (provider_id);

ALTER TABLE ONLY public.payout_lines
    ADD CONSTRAINT payout_lines_pkey PRIMARY KEY (transaction_id);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_number_unique UNIQUE (number);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_periods_apart EXCLUDE USING gist (publisher_id WITH =, tstzrange(period_start, period_end) WITH &&);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_sequence_unique UNIQUE (series, sequence);

ALTER TABLE ONLY public.places
    ADD CONSTRAINT places_pkey PRIMARY KEY (market_id, postal_code);

ALTER TABLE ONLY public.publishers
    ADD CONSTRAINT publishers_name_unique UNIQUE (name);

ALTER TABLE ONLY public.publishers
    ADD CONSTRAINT publishers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.radius_postal_codes
    ADD CONSTRAINT radius_postal_codes_pkey PRIMARY KEY (area_id, postal_code);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_key_unique UNIQUE (idempotency_key);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_provider_id_unique UNIQUE (provider_id);

ALTER TABLE ONLY public.replay_batches
    ADD CONSTRAINT replay_batches_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rotations
    ADD CONSTRAINT rotations_pkey PRIMARY KEY (offer_id, rotation_key);

ALTER TABLE ONLY public.routing_policies
    ADD CONSTRAINT routing_policies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.seller
    ADD CONSTRAINT seller_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_source_key_unique UNIQUE (source_key);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_unique UNIQUE NULLS NOT DISTINCT (hash, kind, offer_id);

ALTER TABLE ONLY public.uninvoiced_leads
    ADD CONSTRAINT uninvoiced_leads_pkey PRIMARY KEY (lead_id);

ALTER TABLE ONLY public.validation_policies
    ADD CONSTRAINT validation_policies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.verticals
    ADD CONSTRAINT verticals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.verticals
    ADD CONSTRAINT verticals_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.wallets
    ADD CONSTRAINT wallets_pkey PRIMARY KEY (buyer_id);

CREATE UNIQUE INDEX deliveries_one_for_a_lead ON public.deliveries USING btree (lead_id) WHERE ((status)::text <> 'released'::text);

CREATE UNIQUE INDEX documents_one_of_credit_note ON public.documents USING btree (credit_note_id, format) WHERE (credit_note_id IS NOT NULL);

CREATE UNIQUE INDEX documents_one_of_invoice ON public.documents USING btree (invoice_id, format) WHERE (invoice_id IS NOT NULL);

CREATE UNIQUE INDEX documents_one_of_payout ON public.documents USING btree (payout_id, format) WHERE (payout_id IS NOT NULL);

CREATE INDEX idx_buyer_offers_offer_active_priority ON public.buyer_offers USING btree (offer_id, is_active, routing_priority DESC);

CREATE INDEX idx_buyer_service_areas_folded ON public.buyer_service_areas USING btree (market_id, scope_type, lower((scope_value)::text)) WHERE is_active;

CREATE INDEX idx_buyer_service_areas_market_scope ON public.buyer_service_areas USING btree (market_id, scope_type, scope_value) WHERE (is_active = true);

CREATE INDEX idx_buyers_auto_top_up ON public.buyers USING btree (id) WHERE (billing ? 'auto_top_up'::text);

CREATE INDEX idx_buyers_paused ON public.buyers USING btree (id) WHERE (paused_since IS NOT NULL);

CREATE INDEX idx_buyers_provider_customer ON public.buyers USING btree (provider_customer_id) WHERE (provider_customer_id IS NOT NULL);

CREATE INDEX idx_chargebacks_debt ON public.chargebacks USING btree (buyer_id) WHERE (debt > (0)::numeric);

CREATE INDEX idx_chargebacks_payment ON public.chargebacks USING btree (payment_id);

CREATE INDEX idx_credit_note_lines_note ON public.credit_note_lines USING btree (credit_note_id);

CREATE INDEX idx_credit_notes_buyer ON public.credit_notes USING btree (buyer_id, id);

CREATE INDEX idx_credit_notes_invoice ON public.credit_notes USING btree (invoice_id);

CREATE INDEX idx_deliveries_buyer ON public.deliveries USING btree (buyer_id, created_at DESC);

CREATE INDEX idx_deliveries_due ON public.deliveries USING btree (next_attempt_at) WHERE ((status)::text = 'pending'::text);

CREATE INDEX idx_deliveries_endpoint ON public.deliveries USING btree (endpoint_id) WHERE (endpoint_id IS NOT NULL);

CREATE INDEX idx_deliveries_in_flight ON public.deliveries USING btree (endpoint_id) WHERE (claimed_until IS NOT NULL);

CREATE INDEX idx_deliveries_in_review ON public.deliveries USING btree (settled_at) WHERE ((status)::text = 'in_review'::text);

CREATE INDEX idx_deliveries_lead ON public.deliveries USING btree (lead_id);

CREATE INDEX idx_document_mails_pending ON public.document_mails USING btree (next_attempt_at) WHERE ((status)::text = 'pending'::text);

CREATE INDEX idx_invoice_lines_invoice ON public.invoice_lines USING btree (invoice_id);

CREATE INDEX idx_invoice_settlements_invoice ON public.invoice_settlements USING btree (invoice_id);

CREATE INDEX idx_invoices_buyer_offer_period ON public.invoices USING btree (buyer_id, offer_id, period_start, period_end);

CREATE INDEX idx_invoices_drafts ON public.invoices USING btree (id) WHERE (status = 'draft'::public.invoice_status);

CREATE INDEX idx_invoices_due ON public.invoices USING btree (due_date) WHERE (status = 'sent'::public.invoice_status);

CREATE INDEX idx_invoices_open ON public.invoices USING btree (buyer_id) WHERE (status = ANY (ARRAY['sent'::public.invoice_status, 'overdue'::public.invoice_status, 'disputed'::public.invoice_status]));

CREATE INDEX idx_invoices_paid_at ON public.invoices USING btree (paid_at) WHERE (paid_at IS NOT NULL);

CREATE INDEX idx_invoices_status_due ON public.invoices USING btree (status, due_date);

CREATE INDEX idx_lde_lead_id ON public.lead_duplicate_events USING btree (lead_id);

CREATE INDEX idx_lde_offer_created_at ON public.lead_duplicate_events USING btree (offer_id, created_at DESC);

CREATE INDEX idx_lead_decisions_lead ON public.lead_decisions USING btree (lead_id, id);

CREATE INDEX idx_lead_returns_buyer ON public.lead_returns USING btree (buyer_id, offer_id, requested_at);

CREATE INDEX idx_lead_returns_waiting ON public.lead_returns USING btree (requested_at) WHERE ((status)::text = 'requested'::text);

CREATE INDEX idx_leads_billing_status ON public.leads USING btree (billing_status);

CREATE INDEX idx_leads_buyer_created_at ON public.leads USING btree (buyer_id, created_at DESC);

CREATE INDEX idx_leads_buyer_offer_delivered ON public.leads USING btree (buyer_id, offer_id, delivered_at) WHERE (buyer_id IS NOT NULL);

CREATE INDEX idx_leads_email ON public.leads USING btree (email);

CREATE INDEX idx_leads_in_review ON public.leads USING btree (in_review_since) WHERE (in_review_since IS NOT NULL);

CREATE INDEX idx_leads_ip_created_at ON public.leads USING btree (ip_address, created_at DESC) WHERE (ip_address IS NOT NULL);

CREATE INDEX idx_leads_market_created_at ON public.leads USING btree (market_id, created_at DESC);

CREATE INDEX idx_leads_offer_created_at ON public.leads USING btree (offer_id, created_at DESC);

CREATE INDEX idx_leads_offer_email_created ON public.leads USING btree (offer_id, email, created_at DESC);

CREATE INDEX idx_leads_offer_norm_email_created ON public.leads USING btree (offer_id, normalized_email, created_at DESC) WHERE (normalized_email IS NOT NULL);

CREATE INDEX idx_leads_offer_norm_phone_created ON public.leads USING btree (offer_id, normalized_phone, created_at DESC) WHERE (normalized_phone IS NOT NULL);

CREATE INDEX idx_leads_offer_phone_created ON public.leads USING btree (offer_id, phone, created_at DESC);

CREATE INDEX idx_leads_offer_source_norm_email_created ON public.leads USING btree (offer_id, source_id, normalized_email, created_at DESC) WHERE (normalized_email IS NOT NULL);

CREATE INDEX idx_leads_offer_source_norm_phone_created ON public.leads USING btree (offer_id, source_id, normalized_phone, created_at DESC) WHERE (normalized_phone IS NOT NULL);

CREATE INDEX idx_leads_phone ON public.leads USING btree (phone);

CREATE INDEX idx_leads_phone_created_at ON public.leads USING btree (normalized_phone, created_at DESC) WHERE (normalized_phone IS NOT NULL);

CREATE INDEX idx_leads_route_again ON public.leads USING btree (route_again_at) WHERE ((status = 'validated'::public.lead_status) AND (route_again_at IS NOT NULL));

CREATE INDEX idx_leads_source_created_at ON public.leads USING btree (source_id, created_at DESC);

CREATE INDEX idx_leads_source_idempotency ON public.leads USING btree (source_id, idempotency_key);

CREATE INDEX idx_leads_status ON public.leads USING btree (status);

CREATE INDEX idx_leads_unbilled ON public.leads USING btree (delivered_at) WHERE ((status = ANY (ARRAY['delivered'::public.lead_status, 'accepted'::public.lead_status])) AND (billing_status = 'pending'::public.billing_status));

CREATE INDEX idx_leads_undecided_email ON public.leads USING btree (offer_id, normalized_email) WHERE (status = 'received'::public.lead_status);

CREATE INDEX idx_leads_undecided_phone ON public.leads USING btree (offer_id, normalized_phone) WHERE (status = 'received'::public.lead_status);

CREATE INDEX idx_leads_vertical_created_at ON public.leads USING btree (vertical_id, created_at DESC);

CREATE INDEX idx_ledger_transactions_buyer ON public.ledger_transactions USING btree (buyer_id, id) WHERE (buyer_id IS NOT NULL);

CREATE INDEX idx_ledger_transactions_drawn ON public.ledger_transactions USING btree (lead_id) WHERE ((kind)::text = 'wallet_drawn'::text);

CREATE INDEX idx_ledger_transactions_invoice ON public.ledger_transactions USING btree (invoice_id) WHERE (invoice_id IS NOT NULL);

CREATE INDEX idx_ledger_transactions_lead ON public.ledger_transactions USING btree (lead_id) WHERE (lead_id IS NOT NULL);

CREATE INDEX idx_ledger_transactions_payment ON public.ledger_transactions USING btree (payment_id) WHERE (payment_id IS NOT NULL);

CREATE INDEX idx_ledger_transactions_publisher ON public.ledger_transactions USING btree (publisher_id, id) WHERE (publisher_id IS NOT NULL);

CREATE INDEX idx_lifecycle_events_lead ON public.lifecycle_events USING btree (lead_id, occurred_at) WHERE (lead_id IS NOT NULL);

CREATE INDEX idx_notices_delivery ON public.notices USING btree (delivery_id) WHERE (delivery_id IS NOT NULL);

CREATE INDEX idx_notices_due ON public.notices USING btree (next_attempt_at) WHERE ((status)::text = 'pending'::text);

CREATE INDEX idx_notices_endpoint ON public.notices USING btree (endpoint_id) WHERE (endpoint_id IS NOT NULL);

CREATE INDEX idx_notices_in_flight ON public.notices USING btree (endpoint_id) WHERE (claimed_until IS NOT NULL);

CREATE INDEX idx_notices_settled ON public.notices USING btree (settled_at) WHERE ((status)::text <> 'pending'::text);

CREATE INDEX idx_notices_subscription ON public.notices USING btree (subscription_id, updated_at DESC) WHERE (subscription_id IS NOT NULL);

CREATE INDEX idx_offer_exclusivities_offer_scope ON public.offer_exclusivities USING btree (offer_id, scope_type, scope_value) WHERE (is_active = true);

CREATE INDEX idx_payment_events_object ON public.payment_events USING btree (object_id);

CREATE INDEX idx_payment_events_unprocessed ON public.payment_events USING btree (received_at) WHERE (processed_at IS NULL);

CREATE INDEX idx_payments_automatic ON public.payments USING btree (buyer_id, id) WHERE is_automatic;

CREATE INDEX idx_payments_buyer ON public.payments USING btree (buyer_id, id);

CREATE INDEX idx_payments_invoice ON public.payments USING btree (invoice_id) WHERE (invoice_id IS NOT NULL);

CREATE INDEX idx_payments_pending ON public.payments USING btree (id) WHERE ((status)::text = 'pending'::text);

CREATE INDEX idx_payout_lines_payout ON public.payout_lines USING btree (payout_id);

CREATE INDEX idx_radius_postal_codes_place ON public.radius_postal_codes USING btree (market_id, lower((postal_code)::text));

CREATE INDEX idx_refunds_payment ON public.refunds USING btree (payment_id);

CREATE INDEX idx_refunds_pending ON public.refunds USING btree (id) WHERE ((status)::text = 'pending'::text);

CREATE INDEX idx_replay_batches_buyer ON public.replay_batches USING btree (buyer_id, id DESC);

CREATE INDEX idx_rotations_members ON public.rotations USING gin (members);

CREATE INDEX idx_rotations_used_at ON public.rotations USING btree (used_at);

CREATE INDEX idx_sources_active_hostname ON public.sources USING btree (is_active, hostname);

CREATE INDEX idx_sources_active_hostname_prefix ON public.sources USING btree (is_active, hostname, path_prefix);

CREATE INDEX idx_sources_active_key ON public.sources USING btree (is_active, source_key);

CREATE INDEX idx_sources_offer_id ON public.sources USING btree (offer_id);

CREATE INDEX idx_subscriptions_active ON public.subscriptions USING btree (buyer_id) WHERE (ended_at IS NULL);

CREATE INDEX idx_suppressions_offer ON public.suppressions USING btree (offer_id) WHERE (offer_id IS NOT NULL);

CREATE INDEX idx_uninvoiced_leads_account ON public.uninvoiced_leads USING btree (buyer_id, offer_id, delivered_at);

CREATE UNIQUE INDEX invoice_disputes_one_open ON public.invoice_disputes USING btree (invoice_id) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX invoice_lines_lead_once ON public.invoice_lines USING btree (lead_id) WHERE (released_at IS NULL);

CREATE UNIQUE INDEX lead_returns_one_living ON public.lead_returns USING btree (lead_id) WHERE ((status)::text <> 'rejected'::text);

CREATE UNIQUE INDEX markets_name_unique ON public.markets USING btree (name);

CREATE UNIQUE INDEX notices_one_of_a_replay_batch ON public.notices USING btree (replay_batch_id, delivery_id) WHERE (replay_batch_id IS NOT NULL);

CREATE UNIQUE INDEX notices_one_of_an_event ON public.notices USING btree (subscription_id, event_key) WHERE ((kind)::text = 'event'::text);

CREATE UNIQUE INDEX notices_one_sms_of_an_event ON public.notices USING btree (delivery_id, event) WHERE ((kind)::text = 'sms'::text);

CREATE UNIQUE INDEX offer_exclusivities_area_unique ON public.offer_exclusivities USING btree (offer_id, scope_type, lower((scope_value)::text)) WHERE is_active;

CREATE UNIQUE INDEX payments_one_automatic ON public.payments USING btree (buyer_id) WHERE (is_automatic AND ((status)::text = 'pending'::text));

CREATE UNIQUE INDEX routing_policies_name_version_unique ON public.routing_policies USING btree (name, version);

CREATE UNIQUE INDEX validation_policies_name_version_unique ON public.validation_policies USING btree (name, version);

CREATE TRIGGER audits_append_only BEFORE UPDATE ON public.audits FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER buyers_have_wallets AFTER INSERT ON public.buyers FOR EACH ROW EXECUTE FUNCTION public.open_wallet();

CREATE TRIGGER buyers_keep_currency BEFORE UPDATE OF currency ON public.buyers FOR EACH ROW EXECUTE FUNCTION public.refuse_currency_change();

CREATE TRIGGER configuration_versions_append_only BEFORE DELETE OR UPDATE ON public.configuration_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER credit_note_lines_append_only BEFORE DELETE OR UPDATE ON public.credit_note_lines FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER credit_notes_append_only BEFORE DELETE OR UPDATE ON public.credit_notes FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER credit_notes_are_mailed AFTER INSERT ON public.credit_notes FOR EACH ROW EXECUTE FUNCTION public.mail_credit_note();

CREATE TRIGGER delivery_attempts_append_only BEFORE DELETE OR UPDATE ON public.delivery_attempts FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER document_mails_never_deleted BEFORE DELETE ON public.document_mails FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER documents_append_only BEFORE DELETE OR UPDATE ON public.documents FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER documents_never_emptied BEFORE TRUNCATE ON public.documents FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_truncate();

CREATE TRIGGER invoice_lines_of_drafts AFTER INSERT ON public.invoice_lines REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_lines_after_issue();

CREATE TRIGGER invoice_lines_refuse_rewrite BEFORE DELETE OR UPDATE ON public.invoice_lines FOR EACH ROW EXECUTE FUNCTION public.refuse_line_rewrite();

CREATE TRIGGER invoice_settlements_append_only BEFORE DELETE OR UPDATE ON public.invoice_settlements FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER invoices_are_mailed AFTER UPDATE ON public.invoices FOR EACH ROW WHEN (((old.issued_at IS NULL) AND (new.issued_at IS NOT NULL))) EXECUTE FUNCTION public.mail_issued_invoice();

CREATE TRIGGER invoices_never_deleted BEFORE DELETE ON public.invoices FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER invoices_refuse_rewrite BEFORE UPDATE ON public.invoices FOR EACH ROW EXECUTE FUNCTION public.refuse_invoice_rewrite();

CREATE TRIGGER lead_decisions_append_only BEFORE DELETE OR UPDATE ON public.lead_decisions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER leads_refuse_rewrite BEFORE UPDATE ON public.leads FOR EACH ROW EXECUTE FUNCTION public.refuse_lead_rewrite();

CREATE TRIGGER leads_refuse_unbilling BEFORE UPDATE ON public.leads FOR EACH ROW WHEN ((old.billing_status <> 'pending'::public.billing_status)) EXECUTE FUNCTION public.refuse_unbilling();

CREATE TRIGGER ledger_entries_append_only BEFORE DELETE OR UPDATE ON public.ledger_entries FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER ledger_entries_never_emptied BEFORE TRUNCATE ON public.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_truncate();

CREATE TRIGGER ledger_pairs_append_only BEFORE DELETE OR UPDATE ON public.ledger_pairs FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER ledger_transactions_append_only BEFORE DELETE OR UPDATE ON public.ledger_transactions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER ledger_transactions_never_emptied BEFORE TRUNCATE ON public.ledger_transactions FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_truncate();

CREATE TRIGGER notice_attempts_append_only BEFORE DELETE OR UPDATE ON public.notice_attempts FOR EACH ROW EXECUTE FUNCTION public.refuse_change_before_90_days();

CREATE TRIGGER payments_refuse_rewrite BEFORE DELETE OR UPDATE ON public.payments FOR EACH ROW EXECUTE FUNCTION public.refuse_payment_rewrite();

CREATE TRIGGER payout_lines_add_up AFTER INSERT ON public.payout_lines REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_lines_beside_payout();

CREATE TRIGGER payout_lines_append_only BEFORE DELETE OR UPDATE ON public.payout_lines FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER payout_lines_never_emptied BEFORE TRUNCATE ON public.payout_lines FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_truncate();

CREATE TRIGGER payouts_never_emptied BEFORE TRUNCATE ON public.payouts FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_truncate();

CREATE TRIGGER payouts_refuse_rewrite BEFORE DELETE OR UPDATE ON public.payouts FOR EACH ROW EXECUTE FUNCTION public.refuse_payout_rewrite();

CREATE TRIGGER publishers_keep_currency BEFORE UPDATE OF currency ON public.publishers FOR EACH ROW EXECUTE FUNCTION public.refuse_publisher_currency_change();

CREATE TRIGGER routing_policies_immutable BEFORE DELETE OR UPDATE ON public.routing_policies FOR EACH ROW EXECUTE FUNCTION public.refuse_policy_change();

CREATE TRIGGER validation_policies_immutable BEFORE DELETE OR UPDATE ON public.validation_policies FOR EACH ROW EXECUTE FUNCTION public.refuse_policy_change();

ALTER TABLE ONLY public.buyer_offers
    ADD CONSTRAINT buyer_offers_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.buyer_offers
    ADD CONSTRAINT buyer_offers_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.buyer_service_areas
    ADD CONSTRAINT buyer_service_areas_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.buyer_service_areas
    ADD CONSTRAINT buyer_service_areas_market_id_fkey FOREIGN KEY (market_id) REFERENCES public.markets(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.capacity_counters
    ADD CONSTRAINT capacity_counters_buyer_offer_id_fkey FOREIGN KEY (buyer_offer_id) REFERENCES public.buyer_offers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chargebacks
    ADD CONSTRAINT chargebacks_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.chargebacks
    ADD CONSTRAINT chargebacks_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.configuration_versions
    ADD CONSTRAINT configuration_versions_rolled_back_to_fkey FOREIGN KEY (rolled_back_to) REFERENCES public.configuration_versions(number) ON DELETE RESTRICT;

ALTER TABLE ONLY public.credit_note_lines
    ADD CONSTRAINT credit_note_lines_credit_note_id_fkey FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.credit_note_lines
    ADD CONSTRAINT credit_note_lines_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.credit_notes
    ADD CONSTRAINT credit_notes_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.credit_notes
    ADD CONSTRAINT credit_notes_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.endpoints(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_verdict_buyer_id_fkey FOREIGN KEY (verdict_buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.deliveries(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_credit_note_id_fkey FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.document_mails
    ADD CONSTRAINT document_mails_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_credit_note_id_fkey FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_payout_id_fkey FOREIGN KEY (payout_id) REFERENCES public.payouts(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.dunning_notices
    ADD CONSTRAINT dunning_notices_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_disputes
    ADD CONSTRAINT invoice_disputes_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_settlements
    ADD CONSTRAINT invoice_settlements_chargeback_id_fkey FOREIGN KEY (chargeback_id) REFERENCES public.chargebacks(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_settlements
    ADD CONSTRAINT invoice_settlements_credit_note_id_fkey FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_settlements
    ADD CONSTRAINT invoice_settlements_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoice_settlements
    ADD CONSTRAINT invoice_settlements_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.invoicing_failures
    ADD CONSTRAINT invoicing_failures_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_decisions
    ADD CONSTRAINT lead_decisions_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_duplicate_events
    ADD CONSTRAINT lead_duplicate_events_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.lead_duplicate_events
    ADD CONSTRAINT lead_duplicate_events_matched_lead_id_fkey FOREIGN KEY (matched_lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_duplicate_events
    ADD CONSTRAINT lead_duplicate_events_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_duplicate_events
    ADD CONSTRAINT lead_duplicate_events_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.sources(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_credit_note_id_fkey FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lead_returns
    ADD CONSTRAINT lead_returns_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES public.ledger_transactions(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_assigned_buyer_id_fkey FOREIGN KEY (assigned_buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_duplicate_of_lead_id_fkey FOREIGN KEY (duplicate_of_lead_id) REFERENCES public.leads(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_market_id_fkey FOREIGN KEY (market_id) REFERENCES public.markets(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.sources(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.leads
    ADD CONSTRAINT leads_vertical_id_fkey FOREIGN KEY (vertical_id) REFERENCES public.verticals(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT ledger_entries_allowed FOREIGN KEY (kind, debit, credit) REFERENCES public.ledger_pairs(kind, debit, credit);

ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT ledger_entries_of_transaction FOREIGN KEY (transaction_id, kind) REFERENCES public.ledger_transactions(id, kind);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_credit_note FOREIGN KEY (credit_note_id) REFERENCES public.credit_notes(id);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_payment FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publishers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.ledger_transactions
    ADD CONSTRAINT ledger_transactions_reverses_id_fkey FOREIGN KEY (reverses_id) REFERENCES public.ledger_transactions(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lifecycle_events
    ADD CONSTRAINT lifecycle_events_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.notice_attempts
    ADD CONSTRAINT notice_attempts_notice_id_fkey FOREIGN KEY (notice_id) REFERENCES public.notices(id);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.deliveries(id);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.endpoints(id);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_replay_batch_id_fkey FOREIGN KEY (replay_batch_id) REFERENCES public.replay_batches(id);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(id);

ALTER TABLE ONLY public.offer_exclusivities
    ADD CONSTRAINT offer_exclusivities_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.offer_exclusivities
    ADD CONSTRAINT offer_exclusivities_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_market_id_fkey FOREIGN KEY (market_id) REFERENCES public.markets(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_routing_policy_id_fkey FOREIGN KEY (routing_policy_id) REFERENCES public.routing_policies(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_validation_policy_id_fkey FOREIGN KEY (validation_policy_id) REFERENCES public.validation_policies(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_vertical_id_fkey FOREIGN KEY (vertical_id) REFERENCES public.verticals(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.payout_lines
    ADD CONSTRAINT payout_lines_payout_id_fkey FOREIGN KEY (payout_id) REFERENCES public.payouts(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.payout_lines
    ADD CONSTRAINT payout_lines_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES public.ledger_transactions(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publishers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.places
    ADD CONSTRAINT places_market_id_fkey FOREIGN KEY (market_id) REFERENCES public.markets(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.radius_postal_codes
    ADD CONSTRAINT radius_postal_codes_area_id_fkey FOREIGN KEY (area_id) REFERENCES public.buyer_service_areas(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.radius_postal_codes
    ADD CONSTRAINT radius_postal_codes_market_id_fkey FOREIGN KEY (market_id) REFERENCES public.markets(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.replay_batches
    ADD CONSTRAINT replay_batches_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.rotations
    ADD CONSTRAINT rotations_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publishers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_offer_id_fkey FOREIGN KEY (offer_id) REFERENCES public.offers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.uninvoiced_leads
    ADD CONSTRAINT uninvoiced_leads_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.leads(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.wallets
    ADD CONSTRAINT wallets_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.buyers(id) ON DELETE CASCADE;
