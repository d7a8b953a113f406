-- The ledger: every movement of money once, for ever, between two accounts that may face each other.

-- Who owns sources and earns by their leads.
CREATE TABLE publishers (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz,
  name       varchar(200) NOT NULL,
  email      varchar(200) NOT NULL,
  currency   char(3) NOT NULL DEFAULT 'USD',
  is_active  boolean NOT NULL DEFAULT true,

  CONSTRAINT publishers_name_unique UNIQUE (name)
);

ALTER TABLE sources
  ADD COLUMN publisher_id integer REFERENCES publishers(id) ON DELETE RESTRICT,
  ADD COLUMN earning      jsonb,  -- what its owner earns by a billed lead: flat or a share of the price
  ADD CONSTRAINT sources_earning_has_publisher CHECK (earning IS NULL OR publisher_id IS NOT NULL),
  ADD CONSTRAINT sources_earning_is_object CHECK (jsonb_typeof(earning) = 'object');

-- What many leads come to, where a dollar is 25,000 and a hundred of them are 100,000,000.
ALTER TABLE buyers ALTER COLUMN balance TYPE numeric(14,2);
ALTER TABLE wallets ALTER COLUMN balance TYPE numeric(14,2);

CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is never emptied', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Which accounts may face each other, and for what: a movement between any others is refused by its foreign key.
-- Debit raises what is owed to us (receivable, cash) and what we gave up (adjustments, bad_debt, publisher_cost); credit
-- raises what we owe (wallet, tax, publisher_payable, refunds_due) and what we earned (revenue).
CREATE TABLE ledger_pairs (
  kind   varchar(32) NOT NULL,
  debit  varchar(32) NOT NULL,
  credit varchar(32) NOT NULL,

  PRIMARY KEY (kind, debit, credit),
  CONSTRAINT ledger_pairs_two_accounts CHECK (debit <> credit)
);

INSERT INTO ledger_pairs (kind, debit, credit) VALUES
  ('opening',              'receivable',        'opening'),
  ('opening',              'opening',           'receivable'),
  ('opening',              'opening',           'wallet'),
  ('lead_billed',          'receivable',        'revenue'),
  ('wallet_drawn',         'wallet',            'receivable'),
  ('tax_charged',          'receivable',        'tax'),
  ('payment',              'cash',              'receivable'),
  ('payment',              'cash',              'wallet'),
  ('lead_returned',        'adjustments',       'receivable'),  -- before any invoice named it
  ('lead_returned',        'adjustments',       'wallet'),
  ('credit_note',          'adjustments',       'receivable'),
  ('credit_note',          'adjustments',       'wallet'),
  ('credit_note',          'tax',               'receivable'),
  ('credit_note',          'tax',               'wallet'),
  ('refund_requested',     'wallet',            'refunds_due'),
  ('refund_paid',          'refunds_due',       'cash'),
  ('refund_failed',        'refunds_due',       'wallet'),
  ('chargeback',           'receivable',        'cash'),
  ('chargeback',           'wallet',            'cash'),
  ('chargeback_won',       'cash',              'receivable'),
  ('chargeback_won',       'cash',              'wallet'),
  ('debt_settled',         'wallet',            'receivable'),  -- of a chargeback that took more than there was
  ('write_off',            'bad_debt',          'receivable'),
  ('write_off_undone',     'receivable',        'bad_debt'),
  ('payment_undone',       'receivable',        'cash'),
  ('payment_undone',       'wallet',            'cash'),
  ('lead_earned',          'publisher_cost',    'publisher_payable'),
  ('earning_reversed',     'publisher_payable', 'publisher_cost'),
  ('payout',               'publisher_payable', 'cash');

CREATE TRIGGER ledger_pairs_append_only BEFORE UPDATE OR DELETE ON ledger_pairs
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE ledger_transactions (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  occurred_at     timestamptz NOT NULL,
  kind            varchar(32) NOT NULL,
  idempotency_key varchar(200) NOT NULL,
  currency        char(3) NOT NULL,
  buyer_id        integer REFERENCES buyers(id) ON DELETE RESTRICT,      -- whose receivable and wallet it moves
  publisher_id    integer REFERENCES publishers(id) ON DELETE RESTRICT,  -- whose payable it moves
  lead_id         integer REFERENCES leads(id) ON DELETE RESTRICT,
  invoice_id      integer REFERENCES invoices(id) ON DELETE RESTRICT,
  payment_id      bigint,
  credit_note_id  bigint,
  reverses_id     bigint REFERENCES ledger_transactions(id) ON DELETE RESTRICT,
  actor           varchar(200) NOT NULL,                                 -- a stage, the provider, or a person
  fingerprint     char(64),                                              -- of what it moves; none of before the ledger
  note            varchar(500),

  CONSTRAINT ledger_transactions_key_unique UNIQUE (idempotency_key),
  CONSTRAINT ledger_transactions_kind_of_entries UNIQUE (id, kind),
  CONSTRAINT ledger_transactions_reversed_once UNIQUE (reverses_id),
  CONSTRAINT ledger_transactions_of_somebody CHECK (num_nonnulls(buyer_id, publisher_id) = 1)
);

CREATE INDEX idx_ledger_transactions_buyer ON ledger_transactions (buyer_id, id) WHERE buyer_id IS NOT NULL;
CREATE INDEX idx_ledger_transactions_publisher ON ledger_transactions (publisher_id, id) WHERE publisher_id IS NOT NULL;
CREATE INDEX idx_ledger_transactions_lead ON ledger_transactions (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX idx_ledger_transactions_drawn ON ledger_transactions (lead_id) WHERE kind = 'wallet_drawn';
CREATE INDEX idx_ledger_transactions_invoice ON ledger_transactions (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX idx_ledger_transactions_payment ON ledger_transactions (payment_id) WHERE payment_id IS NOT NULL;

-- An entry names both its accounts, so that nothing is ever debited without being credited.
CREATE TABLE ledger_entries (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id bigint NOT NULL,
  kind           varchar(32) NOT NULL,
  debit          varchar(32) NOT NULL,
  credit         varchar(32) NOT NULL,
  amount         numeric(12,2) NOT NULL,

  CONSTRAINT ledger_entries_of_transaction FOREIGN KEY (transaction_id, kind) REFERENCES ledger_transactions (id, kind),
  CONSTRAINT ledger_entries_allowed FOREIGN KEY (kind, debit, credit) REFERENCES ledger_pairs (kind, debit, credit),
  CONSTRAINT ledger_entries_pair_once UNIQUE (transaction_id, debit, credit),
  CONSTRAINT ledger_entries_amount_positive CHECK (amount > 0)
);

CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE ON ledger_transactions
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transactions_never_emptied BEFORE TRUNCATE ON ledger_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_never_emptied BEFORE TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- Both sides of every entry: debits above zero, credits below.
CREATE VIEW ledger_postings AS
SELECT e.id AS entry_id, e.transaction_id, t.kind, t.occurred_at, t.currency, t.buyer_id, t.publisher_id, t.lead_id,
       t.invoice_id, side.account, side.amount
  FROM ledger_entries e
  JOIN ledger_transactions t ON t.id = e.transaction_id
 CROSS JOIN LATERAL (VALUES (e.debit, e.amount), (e.credit, -e.amount)) AS side (account, amount);

-- What was billed before there was a ledger.
WITH billed AS (
  INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, lead_id, actor)
  SELECT coalesce(l.billed_at, l.created_at), 'lead_billed', 'lead_billed:' || l.id, b.currency, l.buyer_id, l.id,
         'migration'
    FROM leads l JOIN buyers b ON b.id = l.buyer_id
   WHERE l.billing_status <> 'pending' AND l.price IS NOT NULL
   ORDER BY l.id
  RETURNING id, kind, lead_id
)
INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
SELECT billed.id, billed.kind, 'receivable', 'revenue', l.price FROM billed JOIN leads l ON l.id = billed.lead_id;

-- What buyers had and owed apart from that. An invoice that somebody marked as paid or cancelled by hand is owed no
-- more: what says so on the ledger is posted with the payments (0019).
WITH apart AS (
  SELECT b.id AS buyer_id, b.currency, coalesce(w.balance, 0) AS wallet,
         b.balance - coalesce((SELECT sum(p.amount) FROM ledger_postings p
                                WHERE p.buyer_id = b.id AND p.account = 'receivable'), 0)
         + coalesce((SELECT sum(i.total_amount) FROM invoices i
                      WHERE i.buyer_id = b.id AND i.status IN ('paid', 'cancelled')), 0) AS owed
    FROM buyers b LEFT JOIN wallets w ON w.buyer_id = b.id
), opening AS (
  INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, actor)
  SELECT CURRENT_TIMESTAMP, 'opening', 'opening:' || buyer_id, currency, buyer_id, 'migration'
    FROM apart WHERE wallet <> 0 OR owed <> 0
  RETURNING id, kind, buyer_id
)
INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
SELECT opening.id, opening.kind, side.debit, side.credit, side.amount
  FROM opening
  JOIN apart USING (buyer_id)
 CROSS JOIN LATERAL (VALUES ('opening', 'wallet', apart.wallet), ('receivable', 'opening', apart.owed),
                            ('opening', 'receivable', -apart.owed)) AS side (debit, credit, amount)
 WHERE side.amount > 0;

-- A buyer's currency is that of all its money.
CREATE FUNCTION refuse_currency_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.currency <> NEW.currency AND EXISTS (SELECT FROM ledger_transactions t WHERE t.buyer_id = OLD.id) THEN
    RAISE EXCEPTION 'buyer %: its currency stays, since there is money of it on record', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'buyers_currency_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER buyers_keep_currency BEFORE UPDATE OF currency ON buyers
  FOR EACH ROW EXECUTE FUNCTION refuse_currency_change();

-- What is billed stays billed, to the same buyer at the same price.
CREATE FUNCTION refuse_unbilling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.buyer_id, OLD.price, OLD.billed_at, OLD.delivered_at)
     IS DISTINCT FROM (NEW.buyer_id, NEW.price, NEW.billed_at, NEW.delivered_at)
     OR NEW.billing_status = 'pending' THEN
    RAISE EXCEPTION 'lead %: what is billed stays billed', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_billing_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER leads_refuse_unbilling BEFORE UPDATE ON leads
  FOR EACH ROW WHEN (OLD.billing_status <> 'pending') EXECUTE FUNCTION refuse_unbilling();

-- Every buyer has a wallet, empty or not.
INSERT INTO wallets (buyer_id) SELECT id FROM buyers ON CONFLICT (buyer_id) DO NOTHING;

CREATE FUNCTION open_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO wallets (buyer_id) VALUES (NEW.id);
  RETURN NULL;
END $$;

CREATE TRIGGER buyers_have_wallets AFTER INSERT ON buyers FOR EACH ROW EXECUTE FUNCTION open_wallet();
