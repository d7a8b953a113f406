-- Every application of configuration that changed something: what was configured after it, as files without secrets.
CREATE TABLE configuration_versions (
  number         integer PRIMARY KEY,   -- without gaps: taken while nobody else applies
  applied_at     timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  applied_by     varchar(200) NOT NULL,
  summary        text NOT NULL,
  changes        jsonb NOT NULL,
  snapshot       jsonb NOT NULL,
  rolled_back_to integer REFERENCES configuration_versions(number) ON DELETE RESTRICT,

  CONSTRAINT configuration_versions_number_positive CHECK (number > 0),
  CONSTRAINT configuration_versions_snapshot_is_list CHECK (jsonb_typeof(snapshot) = 'array')
);

CREATE TRIGGER configuration_versions_append_only BEFORE UPDATE OR DELETE ON configuration_versions
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
