-- Deliveries that know what became of every call: typed outcomes, an endpoint's breaker, the bytes that were signed, and
-- the way back to routing for a lead that its buyer does not get.

-- Where calls go, and how well it bears them. The row's lock covers the breaker and the calls under way.
CREATE TABLE endpoints (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  owner         varchar(32) NOT NULL,                  -- buyer:7, operator
  url           varchar(500) NOT NULL,
  state         varchar(16) NOT NULL DEFAULT 'closed', -- the breaker: closed, open, half_open; gone for good after a 410
  state_since   timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  reason        varchar(200),                          -- of the last failure
  failures      integer NOT NULL DEFAULT 0,            -- in a row
  openings      integer NOT NULL DEFAULT 0,            -- since it last answered well
  allowed       integer NOT NULL DEFAULT 10,           -- calls at once
  open_until    timestamptz,

  CONSTRAINT endpoints_unique UNIQUE (owner, url),
  CONSTRAINT endpoints_state_valid CHECK (state IN ('closed', 'open', 'half_open', 'gone')),
  CONSTRAINT endpoints_allowed_positive CHECK (allowed >= 1)
);

-- The secret before the present one: what is sent is signed with both until the rotation is over.
ALTER TABLE buyers
  ADD COLUMN previous_webhook_secret varchar(200),
  ADD COLUMN previous_secret_until   timestamptz,
  ADD CONSTRAINT buyers_rotation_ends CHECK ((previous_webhook_secret IS NULL) = (previous_secret_until IS NULL));

ALTER TABLE deliveries
  ADD COLUMN endpoint_id   bigint REFERENCES endpoints(id) ON DELETE RESTRICT,
  ADD COLUMN claimed_at    timestamptz,
  ADD COLUMN held_since    timestamptz,                    -- waiting for its endpoint to bear a call
  ADD COLUMN timezone      varchar(64),                    -- of the market at the claim, which was counted in its periods
  ADD COLUMN lost_attempts integer NOT NULL DEFAULT 0,     -- of attempts: their worker died
  ADD COLUMN uncounted     integer NOT NULL DEFAULT 0,     -- of attempts: lost, or on another channel, or before a review
  ADD COLUMN in_doubt      boolean NOT NULL DEFAULT false, -- an attempt went out and nobody knows what became of it
  ADD COLUMN jitter_seed   integer NOT NULL DEFAULT floor(random() * 2147483647)::integer,
  ADD COLUMN content_type  varchar(100),
  ADD COLUMN body          bytea,                          -- the bytes that are signed and sent, at every attempt
  ADD COLUMN reference     varchar(100),                   -- the buyer's own name for the lead
  ADD COLUMN refusal       varchar(200),                   -- why the buyer refused it, in its words
  ADD COLUMN release_reason varchar(64),
  ADD CONSTRAINT deliveries_body_has_type CHECK ((body IS NULL) = (content_type IS NULL)),
  ADD CONSTRAINT deliveries_release_has_reason CHECK ((status = 'released') = (release_reason IS NOT NULL)),
  ADD CONSTRAINT deliveries_uncounted_of_attempts CHECK (uncounted BETWEEN 0 AND attempts),
  DROP CONSTRAINT deliveries_status_valid,
  ADD CONSTRAINT deliveries_status_valid CHECK (status IN ('pending', 'taken', 'in_review', 'released')),
  DROP CONSTRAINT deliveries_lead_unique;

-- Attempts used to be counted by channel, and are now counted through: no number comes twice.
UPDATE deliveries d
   SET attempts = d.attempts + o.attempts, uncounted = o.attempts
  FROM (SELECT delivery_id, channel, max(attempt) AS attempts FROM delivery_attempts GROUP BY delivery_id, channel) AS o
 WHERE o.delivery_id = d.id AND o.channel <> d.channel AND d.status <> 'taken';

-- Nobody took down whether a call without an answer had gone out: where one had none, the buyer may have the lead.
UPDATE deliveries d SET in_doubt = true
 WHERE d.status <> 'taken'
   AND EXISTS (SELECT 1 FROM delivery_attempts a
                WHERE a.delivery_id = d.id AND a.channel = 'webhook' AND a.outcome = 'failed' AND a.http_status IS NULL);

-- A lead goes to one buyer at a time: the next one's delivery begins when this one's is released.
CREATE UNIQUE INDEX deliveries_one_for_a_lead ON deliveries (lead_id) WHERE status <> 'released';
CREATE INDEX idx_deliveries_lead ON deliveries (lead_id);
CREATE INDEX idx_deliveries_in_flight ON deliveries (endpoint_id) WHERE claimed_until IS NOT NULL;

-- An attempt whose worker died is on record as unknown; should the worker come back after all, so is what it found.
ALTER TABLE delivery_attempts
  ALTER COLUMN milliseconds DROP NOT NULL,
  DROP CONSTRAINT delivery_attempts_unique,
  ADD CONSTRAINT delivery_attempts_unique UNIQUE (delivery_id, channel, attempt, outcome),
  DROP CONSTRAINT delivery_attempts_outcome_valid,
  ADD CONSTRAINT delivery_attempts_outcome_valid
    CHECK (outcome IN ('taken', 'refused', 'failed', 'failed_for_good', 'unknown'));

-- A released lead's place and money are given back.
ALTER TABLE capacity_counters
  DROP CONSTRAINT capacity_counters_claimed_positive,
  ADD CONSTRAINT capacity_counters_claimed_not_negative CHECK (claimed >= 0);

-- An operator's choice of the next buyer; nobody else is asked while it stands.
ALTER TABLE leads
  ADD COLUMN assigned_buyer_id integer REFERENCES buyers(id) ON DELETE RESTRICT;

-- The one way out of a frozen price: the lead goes back to routing, unbilled, and its buyer does not have it.
CREATE OR REPLACE FUNCTION refuse_lead_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.source_id, OLD.offer_id, OLD.market_id, OLD.vertical_id, OLD.idempotency_key, OLD.created_at)
     IS DISTINCT FROM
     (NEW.source_id, NEW.offer_id, NEW.market_id, NEW.vertical_id, NEW.idempotency_key, NEW.created_at) THEN
    RAISE EXCEPTION 'lead %: its classification and idempotency key never change', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_classification_is_immutable';
  END IF;
  IF OLD.delivered_price IS NOT NULL
     AND (OLD.delivered_price, OLD.price_components) IS DISTINCT FROM (NEW.delivered_price, NEW.price_components)
     AND NOT (OLD.status = 'delivered' AND NEW.status = 'validated' AND OLD.billing_status = 'pending'
              AND (NEW.delivered_price, NEW.price_components, NEW.buyer_id, NEW.delivered_at) IS NOT DISTINCT FROM
                  (NULL::numeric, NULL::jsonb, NULL::integer, NULL::timestamptz)
              AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.lead_id = OLD.id AND d.status <> 'released')) THEN
    RAISE EXCEPTION 'lead %: its delivered price never changes', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_delivered_price_is_immutable';
  END IF;
  RETURN NEW;
END $$;
