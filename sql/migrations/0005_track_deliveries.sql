-- One delivery a lead; its id is X-LeadGen-Delivery-Id on every attempt.
CREATE TABLE deliveries (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz,
  lead_id         integer NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,
  buyer_id        integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  status          varchar(16) NOT NULL DEFAULT 'pending',
  channel         varchar(16) NOT NULL,                 -- of the next attempt, or of the one that settled it
  attempts        integer NOT NULL DEFAULT 0,           -- begun on the present channel
  next_attempt_at timestamptz,
  claimed_until   timestamptz,                          -- an attempt is under way, or its worker died
  settled_at      timestamptz,
  review_reason   varchar(64),

  CONSTRAINT deliveries_lead_unique UNIQUE (lead_id),
  CONSTRAINT deliveries_status_valid CHECK (status IN ('pending', 'taken', 'in_review')),
  CONSTRAINT deliveries_channel_valid CHECK (channel IN ('webhook', 'email')),
  CONSTRAINT deliveries_pending_has_next CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
  CONSTRAINT deliveries_review_has_reason CHECK ((status = 'in_review') = (review_reason IS NOT NULL))
);

CREATE INDEX idx_deliveries_due ON deliveries (next_attempt_at) WHERE status = 'pending';
CREATE INDEX idx_deliveries_in_review ON deliveries (settled_at) WHERE status = 'in_review';
CREATE INDEX idx_deliveries_buyer ON deliveries (buyer_id, created_at DESC);

CREATE TABLE delivery_attempts (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  delivery_id   uuid NOT NULL REFERENCES deliveries(id) ON DELETE RESTRICT,
  channel       varchar(16) NOT NULL,
  attempt       integer NOT NULL,
  started_at    timestamptz NOT NULL,
  milliseconds  integer NOT NULL,
  outcome       varchar(16) NOT NULL,
  http_status   integer,
  error         varchar(200),

  CONSTRAINT delivery_attempts_unique UNIQUE (delivery_id, channel, attempt),
  CONSTRAINT delivery_attempts_outcome_valid CHECK (outcome IN ('taken', 'failed'))
);

CREATE TRIGGER delivery_attempts_append_only BEFORE UPDATE OR DELETE ON delivery_attempts
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
