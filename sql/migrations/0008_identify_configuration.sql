-- What a configuration file calls a thing by: applying it twice finds the same rows.
CREATE UNIQUE INDEX markets_name_unique ON markets (name);
CREATE UNIQUE INDEX validation_policies_name_version_unique ON validation_policies (name, version);
CREATE UNIQUE INDEX routing_policies_name_version_unique ON routing_policies (name, version);

-- A stored policy never changes: an edit is a new row with the next version, and the offer points to it.
CREATE FUNCTION refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (to_jsonb(OLD) - 'is_active' - 'updated_at') IS DISTINCT FROM (to_jsonb(NEW) - 'is_active' - 'updated_at') THEN
    RAISE EXCEPTION '% rows never change: store the next version', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER validation_policies_immutable BEFORE UPDATE OR DELETE ON validation_policies
  FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();
CREATE TRIGGER routing_policies_immutable BEFORE UPDATE OR DELETE ON routing_policies
  FOR EACH ROW EXECUTE FUNCTION refuse_policy_change();
