-- Every lifecycle event once, however often its message was delivered.
CREATE TABLE lifecycle_events (
  event_key   varchar(128) PRIMARY KEY,   -- the event and what it is about
  event       varchar(64) NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  lead_id     integer REFERENCES leads(id) ON DELETE RESTRICT,
  message     jsonb NOT NULL              -- ids only
);

CREATE INDEX idx_lifecycle_events_lead ON lifecycle_events (lead_id, occurred_at) WHERE lead_id IS NOT NULL;
