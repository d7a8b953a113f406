-- Every run of the auditor: whether all the money was where it should be, what was not, and how long it took to see.
CREATE TABLE audits (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ran_at       timestamptz NOT NULL,
  milliseconds integer NOT NULL,
  violations   integer NOT NULL,
  findings     jsonb NOT NULL,  -- by invariant: the offending rows, ids and amounts

  CONSTRAINT audits_findings_is_object CHECK (jsonb_typeof(findings) = 'object')
);

CREATE TRIGGER audits_append_only BEFORE UPDATE ON audits FOR EACH ROW EXECUTE FUNCTION refuse_change();
