-- Invoices with a life: drafts without a number; what is issued is frozen, and what it is owed changes by settlements.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Who sells: the details that every document copies.
CREATE TABLE seller (
  id         boolean PRIMARY KEY DEFAULT true,
  updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  details    jsonb NOT NULL,

  CONSTRAINT seller_is_one CHECK (id),
  CONSTRAINT seller_details_is_object CHECK (jsonb_typeof(details) = 'object')
);

ALTER TABLE buyers
  ADD COLUMN billing      jsonb NOT NULL DEFAULT '{}',  -- terms, tax, address, dunning, top-ups: domain/billing_terms.py
  ADD COLUMN paused_since timestamptz,                  -- no deliveries: its invoices are overdue for too long
  ADD CONSTRAINT buyers_billing_is_object CHECK (jsonb_typeof(billing) = 'object');

ALTER TABLE invoices
  ALTER COLUMN invoice_number DROP NOT NULL,
  ADD COLUMN currency           char(3),
  ADD COLUMN timezone           varchar(64),      -- the market's, whose midnights the period and the due date are
  ADD COLUMN occasion           varchar(16) NOT NULL DEFAULT 'cycle',
  ADD COLUMN issued_at          timestamptz,
  ADD COLUMN cancelled_at       timestamptz,
  ADD COLUMN series             varchar(16),
  ADD COLUMN sequence           integer,
  ADD COLUMN terms_days         integer NOT NULL DEFAULT 14,
  ADD COLUMN subtotal           numeric(12,2) NOT NULL DEFAULT 0,
  ADD COLUMN tax_rate           numeric(6,3) NOT NULL DEFAULT 0,  -- percent
  ADD COLUMN tax_name           varchar(50),
  ADD COLUMN tax_note           varchar(500),                     -- such as why nothing is charged
  ADD COLUMN subject            varchar(420),                     -- what was sold: the offer and its market
  ADD COLUMN seller             jsonb,
  ADD COLUMN buyer              jsonb,
  ADD COLUMN wallet_applied     numeric(12,2) NOT NULL DEFAULT 0,
  ADD COLUMN amount_paid        numeric(12,2) NOT NULL DEFAULT 0,
  ADD COLUMN amount_credited    numeric(12,2) NOT NULL DEFAULT 0,
  ADD COLUMN amount_written_off numeric(12,2) NOT NULL DEFAULT 0,
  ADD COLUMN promised_until     timestamptz;                      -- the buyer has said it pays by then: no reminders

-- What was written so far was numbered at once: it is issued. Nothing of what marks one as paid or cancelled knew of
-- the money: it was all paid, or all given up.
UPDATE invoices i
   SET currency = b.currency, timezone = m.timezone, subtotal = i.total_amount - i.tax_amount,
       status = CASE WHEN i.status = 'draft' THEN 'sent'::invoice_status ELSE i.status END,
       issued_at = i.created_at, series = 'INV', sequence = substring(i.invoice_number FROM '\d+$')::integer,
       subject = o.name || ', ' || m.name, seller = '{}', buyer = jsonb_build_object('name', b.name, 'email', b.email),
       amount_paid = CASE i.status WHEN 'paid' THEN i.total_amount ELSE 0 END,
       paid_at = CASE i.status WHEN 'paid' THEN coalesce(i.paid_at, i.updated_at, i.created_at) END,
       amount_written_off = CASE i.status WHEN 'cancelled' THEN i.total_amount ELSE 0 END,
       cancelled_at = CASE i.status WHEN 'cancelled' THEN coalesce(i.updated_at, i.created_at) END
  FROM buyers b, offers o, markets m
 WHERE b.id = i.buyer_id AND o.id = i.offer_id AND m.id = o.market_id;

-- Two that were written at once for an account may name the same time: each begins where the one before it ended.
WITH ended AS (
  SELECT id, buyer_id, offer_id, period_start,
         period_end + (row_number() OVER (PARTITION BY buyer_id, offer_id, period_end ORDER BY id) - 1)
                      * interval '1 microsecond' AS period_end
    FROM invoices
), apart AS (
  SELECT id, greatest(period_start, lag(period_end) OVER (PARTITION BY buyer_id, offer_id ORDER BY period_end))
             AS period_start, period_end
    FROM ended
)
UPDATE invoices i SET period_start = apart.period_start, period_end = apart.period_end
  FROM apart WHERE apart.id = i.id AND (i.period_start, i.period_end) <> (apart.period_start, apart.period_end);

ALTER TABLE invoices
  ALTER COLUMN currency SET NOT NULL,
  ALTER COLUMN timezone SET NOT NULL,
  ALTER COLUMN tax_amount TYPE numeric(12,2),    -- what many leads come to, where a price has many digits
  ALTER COLUMN total_amount TYPE numeric(12,2),
  DROP CONSTRAINT check_non_negative_amount,
  DROP COLUMN amount_due;

-- The specification's column, made so that it can never say anything else.
ALTER TABLE invoices
  ADD COLUMN amount_due numeric(12,2) NOT NULL
    GENERATED ALWAYS AS (total_amount - wallet_applied - amount_paid - amount_credited - amount_written_off) STORED;

ALTER TABLE invoices
  ADD CONSTRAINT check_non_negative_amount CHECK (amount_due >= 0),
  ADD CONSTRAINT invoices_parts_not_negative
    CHECK (least(subtotal, tax_amount, wallet_applied, amount_paid, amount_credited, amount_written_off) >= 0),
  ADD CONSTRAINT invoices_total_adds_up CHECK (total_amount = subtotal + tax_amount),
  ADD CONSTRAINT invoices_occasion_valid CHECK (occasion IN ('cycle', 'threshold')),
  ADD CONSTRAINT invoices_issue_whole CHECK (num_nulls(issued_at, invoice_number, series, sequence, subject, seller, buyer) IN (0, 7)),
  ADD CONSTRAINT invoices_issued_by_status
    CHECK (CASE status WHEN 'draft' THEN issued_at IS NULL WHEN 'cancelled' THEN true ELSE issued_at IS NOT NULL END),
  ADD CONSTRAINT invoices_paid_is_nothing_due
    CHECK (status IN ('draft', 'cancelled') OR (status = 'paid') = (amount_due = 0)),
  ADD CONSTRAINT invoices_cancelled_is_nothing_due CHECK (status <> 'cancelled' OR issued_at IS NULL OR amount_due = 0),
  ADD CONSTRAINT invoices_cancelled_has_time CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
  ADD CONSTRAINT invoices_sequence_unique UNIQUE (series, sequence),
  ADD CONSTRAINT invoices_periods_apart
    EXCLUDE USING gist (buyer_id WITH =, offer_id WITH =, tstzrange(period_start, period_end) WITH &&)
    WHERE (status <> 'cancelled' OR issued_at IS NOT NULL);  -- what is issued keeps its time, whatever becomes of it

CREATE INDEX idx_invoices_open ON invoices (buyer_id) WHERE status IN ('sent', 'overdue', 'disputed');
CREATE INDEX idx_invoices_drafts ON invoices (id) WHERE status = 'draft';

CREATE FUNCTION refuse_invoice_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER invoices_refuse_rewrite BEFORE UPDATE ON invoices
  FOR EACH ROW EXECUTE FUNCTION refuse_invoice_rewrite();
CREATE TRIGGER invoices_never_deleted BEFORE DELETE ON invoices
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A line leaves a draft by being released; a lead is on one living invoice at most.
ALTER TABLE invoice_lines
  ADD COLUMN released_at timestamptz,
  DROP CONSTRAINT invoice_lines_lead_unique;
CREATE UNIQUE INDEX invoice_lines_lead_once ON invoice_lines (lead_id) WHERE released_at IS NULL;

CREATE FUNCTION refuse_line_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
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

DROP TRIGGER invoice_lines_append_only ON invoice_lines;
CREATE TRIGGER invoice_lines_refuse_rewrite BEFORE UPDATE OR DELETE ON invoice_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_line_rewrite();

CREATE FUNCTION refuse_lines_after_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Not a join: its plan may be one of when there were no invoices, and look at all of them for every line.
  IF EXISTS (SELECT FROM invoices i
              WHERE i.id = ANY (ARRAY(SELECT DISTINCT invoice_id FROM added)) AND i.issued_at IS NOT NULL) THEN
    RAISE EXCEPTION 'lines are added to drafts only'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoice_lines_of_drafts';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER invoice_lines_of_drafts AFTER INSERT ON invoice_lines REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_lines_after_issue();

-- Billed leads that wait for an invoice. They are few, whatever was ever billed: finding them stays cheap, and taking
-- them touches none of the many indexes of leads.
CREATE TABLE uninvoiced_leads (
  lead_id      integer PRIMARY KEY REFERENCES leads(id) ON DELETE RESTRICT,
  buyer_id     integer NOT NULL,
  offer_id     integer NOT NULL,
  delivered_at timestamptz NOT NULL,
  since        timestamptz NOT NULL,      -- billed, or released from a draft
  price        numeric(10,2) NOT NULL
);

CREATE INDEX idx_uninvoiced_leads_account ON uninvoiced_leads (buyer_id, offer_id, delivered_at);

INSERT INTO uninvoiced_leads (lead_id, buyer_id, offer_id, delivered_at, since, price)
SELECT id, buyer_id, offer_id, coalesce(delivered_at, created_at), coalesce(billed_at, created_at), price
  FROM leads WHERE billing_status = 'billed' AND invoiced_at IS NULL;

DROP INDEX idx_leads_uninvoiced;
ALTER TABLE leads DROP COLUMN invoiced_at;

-- A buyer whose invoices could not be written: the others went on.
CREATE TABLE invoicing_failures (
  buyer_id  integer PRIMARY KEY REFERENCES buyers(id) ON DELETE RESTRICT,
  failed_at timestamptz NOT NULL,
  failures  integer NOT NULL DEFAULT 1,  -- in a row
  error     varchar(500) NOT NULL
);

CREATE TABLE credit_notes (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  issued_at  timestamptz NOT NULL,
  buyer_id   integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  invoice_id integer NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
  currency   char(3) NOT NULL,
  series     varchar(16) NOT NULL,
  sequence   integer NOT NULL,
  number     varchar(50) NOT NULL,
  reason     varchar(32) NOT NULL,
  note       varchar(1000),
  net        numeric(12,2) NOT NULL,
  tax        numeric(12,2) NOT NULL,
  total      numeric(12,2) NOT NULL,
  to_due     numeric(12,2) NOT NULL,  -- off what the invoice is owed
  to_wallet  numeric(12,2) NOT NULL,  -- paid already: prepaid money now
  seller     jsonb NOT NULL,
  buyer      jsonb NOT NULL,
  actor      varchar(200) NOT NULL,

  CONSTRAINT credit_notes_number_unique UNIQUE (number),
  CONSTRAINT credit_notes_sequence_unique UNIQUE (series, sequence),
  CONSTRAINT credit_notes_total_adds_up CHECK (total = net + tax AND total = to_due + to_wallet),
  CONSTRAINT credit_notes_parts_not_negative CHECK (least(net, tax, to_due, to_wallet) >= 0 AND total > 0)
);

CREATE INDEX idx_credit_notes_invoice ON credit_notes (invoice_id);
CREATE INDEX idx_credit_notes_buyer ON credit_notes (buyer_id, id);
CREATE TRIGGER credit_notes_append_only BEFORE UPDATE OR DELETE ON credit_notes
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE credit_note_lines (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  credit_note_id bigint NOT NULL REFERENCES credit_notes(id) ON DELETE RESTRICT,
  lead_id        integer NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,
  amount         numeric(12,2) NOT NULL,

  CONSTRAINT credit_note_lines_lead_once UNIQUE (lead_id),
  CONSTRAINT credit_note_lines_amount_positive CHECK (amount > 0)
);

CREATE INDEX idx_credit_note_lines_note ON credit_note_lines (credit_note_id);
CREATE TRIGGER credit_note_lines_append_only BEFORE UPDATE OR DELETE ON credit_note_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE ledger_transactions
  ADD CONSTRAINT ledger_transactions_credit_note FOREIGN KEY (credit_note_id) REFERENCES credit_notes(id);
