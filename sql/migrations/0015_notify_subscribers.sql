-- Whoever wants to hear what happens, and all that is sent and is not the sale itself.

CREATE TABLE subscriptions (
  id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at            timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  buyer_id              integer REFERENCES buyers(id) ON DELETE RESTRICT, -- hears only of itself; NULL: the operator
  url                   varchar(500) NOT NULL,
  events                text[] NOT NULL,                                  -- names, or lead.*, or *
  secret                varchar(200) NOT NULL,
  previous_secret       varchar(200),                                     -- signs too until its time is over
  previous_secret_until timestamptz,
  ended_at              timestamptz,
  end_reason            varchar(64),

  CONSTRAINT subscriptions_events_some CHECK (cardinality(events) > 0),
  CONSTRAINT subscriptions_rotation_ends CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
  CONSTRAINT subscriptions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX idx_subscriptions_active ON subscriptions (buyer_id) WHERE ended_at IS NULL;

-- A buyer's deliveries of some time again. How many are done is counted from its notices.
CREATE TABLE recoveries (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  buyer_id   integer NOT NULL REFERENCES buyers(id) ON DELETE RESTRICT,
  since      timestamptz NOT NULL,
  until      timestamptz NOT NULL,
  rate       integer NOT NULL,         -- calls a second at most
  paced_to   timestamptz NOT NULL,     -- when the calls admitted so far are all paid for, at that rate
  queued_to  timestamptz NOT NULL,     -- when the last of those sent back is to come again

  CONSTRAINT recoveries_range CHECK (since < until),
  CONSTRAINT recoveries_rate_valid CHECK (rate BETWEEN 1 AND 50)
);

CREATE INDEX idx_recoveries_buyer ON recoveries (buyer_id, id DESC);

CREATE TABLE notices (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- webhook-id and X-LeadGen-Delivery-Id of all attempts
  created_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  kind            varchar(16) NOT NULL,
  event           varchar(64) NOT NULL,
  event_key       varchar(128),                                -- of an event: once for each subscription
  subscription_id bigint REFERENCES subscriptions(id),
  delivery_id     uuid REFERENCES deliveries(id),              -- whose bytes go out again, or which an SMS tells of
  recovery_id     bigint REFERENCES recoveries(id),
  body            bytea,                                       -- ids only; these bytes are signed and sent at every attempt
  status          varchar(16) NOT NULL DEFAULT 'pending',
  attempts        integer NOT NULL DEFAULT 0,
  lost_attempts   integer NOT NULL DEFAULT 0,                  -- of attempts: their worker died, they do not count
  jitter_seed     integer NOT NULL DEFAULT floor(random() * 2147483647)::integer,
  due_at          timestamptz NOT NULL,                        -- by its schedule
  next_attempt_at timestamptz,                                 -- later than that while it waits for a place
  held_since      timestamptz,                                 -- since when its endpoint has borne no call of it
  claimed_at      timestamptz,
  claimed_until   timestamptz,
  endpoint_id     bigint REFERENCES endpoints(id),
  settled_at      timestamptz,
  error           varchar(200),                                -- why it was given up

  CONSTRAINT notices_kind_valid CHECK (kind IN ('event', 'trial', 'sms', 'replay')),
  CONSTRAINT notices_status_valid CHECK (status IN ('pending', 'taken', 'given_up')),
  CONSTRAINT notices_kind_has_its_own CHECK (
    CASE WHEN kind IN ('event', 'trial')
         THEN subscription_id IS NOT NULL AND delivery_id IS NULL AND body IS NOT NULL
         ELSE subscription_id IS NULL AND delivery_id IS NOT NULL AND body IS NULL END),
  CONSTRAINT notices_event_has_key CHECK ((kind = 'event') = (event_key IS NOT NULL)),
  CONSTRAINT notices_only_replays_recover CHECK (recovery_id IS NULL OR kind = 'replay'),
  CONSTRAINT notices_pending_has_next CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
  CONSTRAINT notices_settled_has_time CHECK ((status = 'pending') = (settled_at IS NULL)),
  CONSTRAINT notices_given_up_has_error CHECK ((status = 'given_up') = (error IS NOT NULL)),
  CONSTRAINT notices_lost_of_attempts CHECK (lost_attempts BETWEEN 0 AND attempts)
);

CREATE UNIQUE INDEX notices_one_of_an_event ON notices (subscription_id, event_key) WHERE kind = 'event';
CREATE UNIQUE INDEX notices_one_sms_of_an_event ON notices (delivery_id, event) WHERE kind = 'sms';
CREATE UNIQUE INDEX notices_one_of_a_recovery ON notices (recovery_id, delivery_id) WHERE recovery_id IS NOT NULL;
CREATE INDEX idx_notices_due ON notices (next_attempt_at) WHERE status = 'pending';
CREATE INDEX idx_notices_settled ON notices (settled_at) WHERE status <> 'pending';
CREATE INDEX idx_notices_in_flight ON notices (endpoint_id) WHERE claimed_until IS NOT NULL;
CREATE INDEX idx_notices_subscription ON notices (subscription_id, updated_at DESC) WHERE subscription_id IS NOT NULL;
CREATE INDEX idx_notices_delivery ON notices (delivery_id) WHERE delivery_id IS NOT NULL;

CREATE TABLE notice_attempts (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  notice_id    uuid NOT NULL REFERENCES notices(id),
  attempt      integer NOT NULL,
  started_at   timestamptz NOT NULL,
  milliseconds integer,                                        -- NULL: its worker died
  outcome      varchar(16) NOT NULL,
  http_status  integer,
  error        varchar(200),

  CONSTRAINT notice_attempts_unique UNIQUE (notice_id, attempt, outcome),
  CONSTRAINT notice_attempts_outcome_valid
    CHECK (outcome IN ('taken', 'refused', 'failed', 'failed_for_good', 'unknown'))
);

-- What was recorded stays as it is, and goes as a whole when the time of system logs is over: 90 days.
CREATE FUNCTION refuse_change_before_90_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.started_at < CURRENT_TIMESTAMP - INTERVAL '90 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% refuses %: its rows stay as they are for 90 days', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER notice_attempts_append_only BEFORE UPDATE OR DELETE ON notice_attempts
  FOR EACH ROW EXECUTE FUNCTION refuse_change_before_90_days();
