-- Money that comes in and goes back, and what is said about leads and invoices after the sale.

ALTER TABLE buyers
  ADD COLUMN provider_customer_id varchar(200);  -- who it is at the payment provider

CREATE TABLE payments (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz,
  buyer_id        integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  invoice_id      integer REFERENCES invoices(id) ON DELETE RESTRICT,  -- NULL: into the wallet
  method          payment_method NOT NULL,
  status          varchar(16) NOT NULL,
  amount          numeric(12,2) NOT NULL,
  currency        char(3) NOT NULL,
  received_at     timestamptz,
  to_invoice      numeric(12,2) NOT NULL DEFAULT 0,
  to_debt         numeric(12,2) NOT NULL DEFAULT 0,  -- of chargebacks that took more than there was
  to_wallet       numeric(12,2) NOT NULL DEFAULT 0,
  provider_id     varchar(200),                      -- the provider's payment
  reference       varchar(200),                      -- of the bank, the check, the receipt
  note            varchar(500),
  actor           varchar(200) NOT NULL,
  idempotency_key varchar(200),
  is_automatic    boolean NOT NULL DEFAULT false,    -- a top-up that nobody asked for but the buyer's own rule
  error           varchar(200),
  undone_at       timestamptz,                       -- entered by mistake, or a check that bounced

  CONSTRAINT payments_provider_id_unique UNIQUE (provider_id),
  CONSTRAINT payments_key_unique UNIQUE (idempotency_key),
  CONSTRAINT payments_status_valid CHECK (status IN ('pending', 'succeeded', 'failed', 'undone')),
  CONSTRAINT payments_amount_positive CHECK (amount > 0),
  CONSTRAINT payments_parts_add_up
    CHECK (to_invoice + to_debt + to_wallet = CASE WHEN status IN ('succeeded', 'undone') THEN amount ELSE 0 END),
  CONSTRAINT payments_parts_not_negative CHECK (least(to_invoice, to_debt, to_wallet) >= 0),
  CONSTRAINT payments_received_when_succeeded CHECK (status NOT IN ('succeeded', 'undone') OR received_at IS NOT NULL),
  CONSTRAINT payments_undone_has_time CHECK ((status = 'undone') = (undone_at IS NOT NULL)),
  CONSTRAINT payments_failed_has_error CHECK ((status = 'failed') = (error IS NOT NULL))
);

CREATE INDEX idx_payments_buyer ON payments (buyer_id, id);
CREATE INDEX idx_payments_invoice ON payments (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX idx_payments_pending ON payments (id) WHERE status = 'pending';
CREATE UNIQUE INDEX payments_one_automatic ON payments (buyer_id) WHERE is_automatic AND status = 'pending';

CREATE FUNCTION refuse_payment_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER payments_refuse_rewrite BEFORE UPDATE OR DELETE ON payments
  FOR EACH ROW EXECUTE FUNCTION refuse_payment_rewrite();

-- What the provider tells us, each event once, before anything is done about it.
CREATE TABLE payment_events (
  provider     varchar(16) NOT NULL,
  event_id     varchar(200) NOT NULL,
  type         varchar(100) NOT NULL,
  object_id    varchar(200) NOT NULL,
  created_at   timestamptz NOT NULL,                          -- by the provider's clock
  received_at  timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  facts        jsonb NOT NULL,                                -- ids and amounts; nothing about a person
  processed_at timestamptz,
  outcome      varchar(64),
  attempts     integer NOT NULL DEFAULT 0,

  PRIMARY KEY (provider, event_id),
  CONSTRAINT payment_events_outcome_when_processed CHECK ((processed_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX idx_payment_events_unprocessed ON payment_events (received_at) WHERE processed_at IS NULL;

CREATE TABLE refunds (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz,
  buyer_id        integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  payment_id      bigint NOT NULL REFERENCES payments(id) ON DELETE RESTRICT,  -- whose money goes back, the way it came
  amount          numeric(12,2) NOT NULL,
  currency        char(3) NOT NULL,
  status          varchar(16) NOT NULL,
  reason          varchar(200) NOT NULL,
  reference       varchar(200),
  actor           varchar(200) NOT NULL,
  idempotency_key varchar(200),
  provider_id     varchar(200),
  attempts        integer NOT NULL DEFAULT 0,
  settled_at      timestamptz,
  error           varchar(200),

  CONSTRAINT refunds_provider_id_unique UNIQUE (provider_id),
  CONSTRAINT refunds_key_unique UNIQUE (idempotency_key),
  CONSTRAINT refunds_status_valid CHECK (status IN ('pending', 'succeeded', 'failed')),
  CONSTRAINT refunds_amount_positive CHECK (amount > 0),
  CONSTRAINT refunds_settled_has_time CHECK ((status = 'pending') = (settled_at IS NULL)),
  CONSTRAINT refunds_failed_has_error CHECK ((status = 'failed') = (error IS NOT NULL))
);

CREATE INDEX idx_refunds_payment ON refunds (payment_id);
CREATE INDEX idx_refunds_pending ON refunds (id) WHERE status = 'pending';

-- The card's owner has its bank take a payment back.
CREATE TABLE chargebacks (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz,
  opened_at       timestamptz NOT NULL,
  buyer_id        integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  payment_id      bigint NOT NULL REFERENCES payments(id) ON DELETE RESTRICT,
  provider_id     varchar(200) NOT NULL,
  status          varchar(16) NOT NULL DEFAULT 'open',
  amount          numeric(12,2) NOT NULL,
  currency        char(3) NOT NULL,
  reason          varchar(100),
  evidence_due_by timestamptz,
  from_invoice    numeric(12,2) NOT NULL,  -- the invoice is owed it again
  from_wallet     numeric(12,2) NOT NULL,
  from_nothing    numeric(12,2) NOT NULL,  -- spent already: the buyer owes it, on no invoice
  debt            numeric(12,2) NOT NULL,  -- what of that is still open
  closed_at       timestamptz,

  CONSTRAINT chargebacks_provider_id_unique UNIQUE (provider_id),
  CONSTRAINT chargebacks_status_valid CHECK (status IN ('open', 'won', 'lost')),
  CONSTRAINT chargebacks_parts_add_up CHECK (amount = from_invoice + from_wallet + from_nothing),
  CONSTRAINT chargebacks_parts_not_negative CHECK (least(from_invoice, from_wallet, debt) >= 0 AND amount > 0),
  CONSTRAINT chargebacks_debt_of_nothing CHECK (debt <= from_nothing),
  CONSTRAINT chargebacks_closed_has_time CHECK ((status = 'open') = (closed_at IS NULL))
);

CREATE INDEX idx_chargebacks_payment ON chargebacks (payment_id);
CREATE INDEX idx_chargebacks_debt ON chargebacks (buyer_id) WHERE debt > 0;

CREATE TABLE invoice_disputes (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  invoice_id integer NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
  opened_at  timestamptz NOT NULL,
  opened_by  varchar(200) NOT NULL,
  reason     varchar(1000) NOT NULL,
  closed_at  timestamptz,
  closed_by  varchar(200),
  outcome    varchar(16),
  remark     varchar(1000),

  CONSTRAINT invoice_disputes_closed_whole CHECK (num_nulls(closed_at, closed_by, outcome) IN (0, 3)),
  CONSTRAINT invoice_disputes_outcome_valid CHECK (outcome IN ('upheld', 'rejected', 'withdrawn'))
);

CREATE UNIQUE INDEX invoice_disputes_one_open ON invoice_disputes (invoice_id) WHERE closed_at IS NULL;

-- A buyer gives a lead back after it was sold.
ALTER TABLE offers
  ADD COLUMN returns jsonb,
  ADD CONSTRAINT offers_returns_is_object CHECK (jsonb_typeof(returns) = 'object');
ALTER TABLE buyer_offers
  ADD COLUMN returns jsonb,  -- in place of the offer's
  ADD CONSTRAINT buyer_offers_returns_is_object CHECK (jsonb_typeof(returns) = 'object');

CREATE TABLE lead_returns (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at     timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  requested_at   timestamptz NOT NULL,
  lead_id        integer NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,
  buyer_id       integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  offer_id       integer NOT NULL REFERENCES offers(id) ON DELETE RESTRICT,
  reason         varchar(32) NOT NULL,
  note           varchar(1000),
  requested_by   varchar(200) NOT NULL,
  status         varchar(16) NOT NULL DEFAULT 'requested',
  trace          jsonb NOT NULL,         -- each rule of the policy, the value, the limit, the verdict; and the proof
  decided_at     timestamptz,
  decided_by     varchar(200),
  remark         varchar(1000),
  credit_note_id bigint REFERENCES credit_notes(id) ON DELETE RESTRICT,         -- where an invoice names the lead
  transaction_id bigint REFERENCES ledger_transactions(id) ON DELETE RESTRICT,  -- that gave the money back

  CONSTRAINT lead_returns_status_valid CHECK (status IN ('requested', 'approved', 'rejected')),
  CONSTRAINT lead_returns_decided_whole
    CHECK ((status = 'requested') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
  CONSTRAINT lead_returns_approved_is_posted CHECK ((status = 'approved') = (transaction_id IS NOT NULL))
);

CREATE UNIQUE INDEX lead_returns_one_living ON lead_returns (lead_id) WHERE status <> 'rejected';
CREATE INDEX idx_lead_returns_waiting ON lead_returns (requested_at) WHERE status = 'requested';
CREATE INDEX idx_lead_returns_buyer ON lead_returns (buyer_id, offer_id, requested_at);

-- What an invoice is owed less (or, below zero, more) than its total, and by what.
CREATE TABLE invoice_settlements (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at     timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  settled_at     timestamptz NOT NULL,
  invoice_id     integer NOT NULL REFERENCES invoices(id) ON DELETE RESTRICT,
  kind           varchar(32) NOT NULL,
  amount         numeric(12,2) NOT NULL,
  payment_id     bigint REFERENCES payments(id) ON DELETE RESTRICT,
  credit_note_id bigint REFERENCES credit_notes(id) ON DELETE RESTRICT,
  chargeback_id  bigint REFERENCES chargebacks(id) ON DELETE RESTRICT,

  CONSTRAINT invoice_settlements_kind_valid CHECK (
    CASE kind WHEN 'wallet' THEN amount > 0
              WHEN 'payment' THEN amount > 0 AND payment_id IS NOT NULL
              WHEN 'payment_undone' THEN amount < 0 AND payment_id IS NOT NULL
              WHEN 'credit_note' THEN amount > 0 AND credit_note_id IS NOT NULL
              WHEN 'chargeback' THEN amount < 0 AND chargeback_id IS NOT NULL
              WHEN 'chargeback_won' THEN amount > 0 AND chargeback_id IS NOT NULL
              WHEN 'write_off' THEN amount > 0
              WHEN 'write_off_undone' THEN amount < 0
              ELSE false END)
);

CREATE INDEX idx_invoice_settlements_invoice ON invoice_settlements (invoice_id);
CREATE TRIGGER invoice_settlements_append_only BEFORE UPDATE OR DELETE ON invoice_settlements
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE ledger_transactions
  ADD CONSTRAINT ledger_transactions_payment FOREIGN KEY (payment_id) REFERENCES payments(id);

-- Invoices of before the ledger that somebody marked as paid, as cancelled or as disputed by hand.
WITH received AS (
  INSERT INTO payments (buyer_id, invoice_id, method, status, amount, currency, received_at, to_invoice, reference,
                        actor)
  SELECT i.buyer_id, i.id, CASE WHEN i.payment_method IN ('bank_transfer', 'check') THEN i.payment_method ELSE 'manual' END,
         'succeeded', i.amount_paid, i.currency, i.paid_at, i.amount_paid, i.transaction_id, 'migration'
    FROM invoices i WHERE i.amount_paid > 0 ORDER BY i.id
  RETURNING id, buyer_id, invoice_id, amount, currency, received_at
), settled AS (
  INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount, payment_id)
  SELECT received_at, invoice_id, 'payment', amount, id FROM received
), posted AS (
  INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, invoice_id, payment_id, actor)
  SELECT received_at, 'payment', 'payment:' || id, currency, buyer_id, invoice_id, id, 'migration'
    FROM received ORDER BY id
  RETURNING id, kind, payment_id
)
INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
SELECT posted.id, posted.kind, 'cash', 'receivable', received.amount
  FROM posted JOIN received ON received.id = posted.payment_id;

WITH given_up AS (
  SELECT id, buyer_id, currency, cancelled_at, amount_written_off AS amount FROM invoices WHERE amount_written_off > 0
), settled AS (
  INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount)
  SELECT cancelled_at, id, 'write_off', amount FROM given_up
), posted AS (
  INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, invoice_id, actor)
  SELECT cancelled_at, 'write_off', 'write_off:' || id || ':1', currency, buyer_id, id, 'migration'
    FROM given_up ORDER BY id
  RETURNING id, kind, invoice_id
)
INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
SELECT posted.id, posted.kind, 'bad_debt', 'receivable', given_up.amount
  FROM posted JOIN given_up ON given_up.id = posted.invoice_id;

INSERT INTO invoice_disputes (invoice_id, opened_at, opened_by, reason)
SELECT id, coalesce(disputed_at, updated_at, created_at), 'migration', coalesce(left(dispute_reason, 1000), 'not said')
  FROM invoices WHERE status = 'disputed';

UPDATE leads l
   SET billing_status = (CASE i.status WHEN 'paid' THEN 'paid' WHEN 'disputed' THEN 'disputed' ELSE 'billed' END)::billing_status,
       paid_at = CASE i.status WHEN 'paid' THEN coalesce(l.paid_at, i.paid_at) END
  FROM invoice_lines x JOIN invoices i ON i.id = x.invoice_id
 WHERE x.lead_id = l.id AND l.billing_status IN ('billed', 'paid', 'disputed')
   AND l.billing_status::text <> CASE i.status WHEN 'paid' THEN 'paid' WHEN 'disputed' THEN 'disputed' ELSE 'billed' END;
