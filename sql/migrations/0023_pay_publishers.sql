-- What publishers have earned is paid out: once a month, each earning once.

ALTER TABLE publishers
  ADD COLUMN timezone varchar(64) NOT NULL DEFAULT 'UTC';  -- whose midnights its months end at

-- A publisher's currency is that of all it has earned.
CREATE FUNCTION refuse_publisher_currency_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.currency <> NEW.currency AND EXISTS (SELECT FROM ledger_transactions t WHERE t.publisher_id = OLD.id) THEN
    RAISE EXCEPTION 'publisher %: its currency stays, since there is money of it on record', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'publishers_currency_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER publishers_keep_currency BEFORE UPDATE OF currency ON publishers
  FOR EACH ROW EXECUTE FUNCTION refuse_publisher_currency_change();

CREATE TABLE payouts (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at   timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  issued_at    timestamptz NOT NULL,
  publisher_id integer NOT NULL REFERENCES publishers(id) ON DELETE RESTRICT,
  currency     char(3) NOT NULL,
  timezone     varchar(64) NOT NULL,
  series       varchar(16) NOT NULL,
  sequence     integer NOT NULL,
  number       varchar(50) NOT NULL,
  period_start timestamptz NOT NULL,
  period_end   timestamptz NOT NULL,
  earned       numeric(12,2) NOT NULL,
  reversed     numeric(12,2) NOT NULL,  -- with the leads that came back
  total        numeric(12,2) NOT NULL,
  actor        varchar(200) NOT NULL,
  status       varchar(16) NOT NULL DEFAULT 'issued',
  paid_at      timestamptz,
  paid_by      varchar(200),
  reference    varchar(200),            -- of the bank's transfer

  CONSTRAINT payouts_number_unique UNIQUE (number),
  CONSTRAINT payouts_sequence_unique UNIQUE (series, sequence),
  CONSTRAINT payouts_status_valid CHECK (status IN ('issued', 'paid')),
  CONSTRAINT payouts_paid_whole
    CHECK (num_nulls(paid_at, paid_by, reference) = CASE status WHEN 'paid' THEN 0 ELSE 3 END),
  CONSTRAINT payouts_total_adds_up CHECK (total = earned - reversed),
  CONSTRAINT payouts_pay_something CHECK (total > 0 AND least(earned, reversed) >= 0),
  CONSTRAINT payouts_periods_apart
    EXCLUDE USING gist (publisher_id WITH =, tstzrange(period_start, period_end) WITH &&)
);

CREATE FUNCTION refuse_payout_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.status = 'issued' AND NEW.status = 'paid'
     AND to_jsonb(OLD) - ARRAY['status', 'paid_at', 'paid_by', 'reference']
       = to_jsonb(NEW) - ARRAY['status', 'paid_at', 'paid_by', 'reference'] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'payout %: what is issued is paid once, and nothing else of it changes', OLD.number
    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payouts_issued_is_immutable';
END $$;

CREATE TRIGGER payouts_refuse_rewrite BEFORE UPDATE OR DELETE ON payouts
  FOR EACH ROW EXECUTE FUNCTION refuse_payout_rewrite();
CREATE TRIGGER payouts_never_emptied BEFORE TRUNCATE ON payouts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- An earning, above zero, or its reversal, below: on one payout for ever.
CREATE TABLE payout_lines (
  transaction_id bigint PRIMARY KEY REFERENCES ledger_transactions(id) ON DELETE RESTRICT,
  payout_id      bigint NOT NULL REFERENCES payouts(id) ON DELETE RESTRICT,
  amount         numeric(12,2) NOT NULL,

  CONSTRAINT payout_lines_amount_moves CHECK (amount <> 0)
);

CREATE INDEX idx_payout_lines_payout ON payout_lines (payout_id);
CREATE TRIGGER payout_lines_append_only BEFORE UPDATE OR DELETE ON payout_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_lines_never_emptied BEFORE TRUNCATE ON payout_lines
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- All lines of a payout come at once and add up to it, so that none joins them later.
CREATE FUNCTION refuse_lines_beside_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM payouts p
              WHERE p.id IN (SELECT payout_id FROM added)
                AND p.total <> (SELECT sum(l.amount) FROM payout_lines l WHERE l.payout_id = p.id)) THEN
    RAISE EXCEPTION 'the lines of a payout add up to its total'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payout_lines_add_up';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER payout_lines_add_up AFTER INSERT ON payout_lines REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_lines_beside_payout();
