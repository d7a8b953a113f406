-- Why the platform decided as it did: the inputs are enough to decide again, the trace names every rule or buyer
-- looked at. Neither holds a name, an e-mail address or a phone number.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TABLE lead_decisions (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  decided_at     timestamptz NOT NULL,
  lead_id        integer NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,
  stage          varchar(16) NOT NULL,
  outcome        varchar(32) NOT NULL,
  reason         varchar(64),
  policy_id      integer NOT NULL,
  policy_version integer NOT NULL,
  inputs         jsonb NOT NULL,
  trace          jsonb NOT NULL,

  CONSTRAINT lead_decisions_stage_valid CHECK (stage IN ('duplicates', 'validation', 'routing'))
);

CREATE INDEX idx_lead_decisions_lead ON lead_decisions (lead_id, id);

CREATE TRIGGER lead_decisions_append_only BEFORE UPDATE OR DELETE ON lead_decisions
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
