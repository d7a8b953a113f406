-- Caps in leads and in money, by the market's hour, day, week and month; a buyer's own filter and consent demand.
ALTER TABLE buyer_offers
  ADD COLUMN capacity_per_week  integer,
  ADD COLUMN capacity_per_month integer,
  ADD COLUMN budget_per_hour    numeric(12,2),
  ADD COLUMN budget_per_day     numeric(12,2),
  ADD COLUMN budget_per_week    numeric(12,2),
  ADD COLUMN budget_per_month   numeric(12,2),
  ADD COLUMN filter             jsonb,          -- conditions a lead must meet; NULL = every lead
  ADD COLUMN consent            jsonb,          -- what must be recorded of a lead's consent; NULL = nothing

  ADD CONSTRAINT buyer_offers_limits_not_negative CHECK (
    least(capacity_per_hour, capacity_per_week, capacity_per_month,
          budget_per_hour, budget_per_day, budget_per_week, budget_per_month) >= 0),
  ADD CONSTRAINT buyer_offers_filter_is_object CHECK (jsonb_typeof(filter) = 'object'),
  ADD CONSTRAINT buyer_offers_consent_is_object CHECK (jsonb_typeof(consent) = 'object');

ALTER TABLE capacity_counters
  ADD COLUMN amount numeric(12,2) NOT NULL DEFAULT 0,   -- the price of the leads claimed in the period
  DROP CONSTRAINT capacity_counters_period_valid,
  ADD CONSTRAINT capacity_counters_period_valid CHECK (period IN ('hour', 'day', 'week', 'month'));

-- What was claimed before weeks and months were counted, and before money was.
INSERT INTO capacity_counters (buyer_offer_id, period, starts_at, claimed)
SELECT c.buyer_offer_id, p.period,
       date_trunc(p.period, c.starts_at AT TIME ZONE m.timezone) AT TIME ZONE m.timezone, sum(c.claimed)
  FROM capacity_counters c
  JOIN buyer_offers bo ON bo.id = c.buyer_offer_id
  JOIN offers o ON o.id = bo.offer_id
  JOIN markets m ON m.id = o.market_id
 CROSS JOIN (VALUES ('week'), ('month')) AS p(period)
 WHERE c.period = 'day'
 GROUP BY 1, 2, 3;

UPDATE capacity_counters c
   SET amount = spent.amount
  FROM (SELECT c.buyer_offer_id, c.period, c.starts_at, sum(l.delivered_price) AS amount
          FROM capacity_counters c
          JOIN buyer_offers bo ON bo.id = c.buyer_offer_id
          JOIN leads l ON l.buyer_id = bo.buyer_id AND l.offer_id = bo.offer_id AND l.delivered_at >= c.starts_at
          JOIN markets m ON m.id = l.market_id
         WHERE date_trunc(c.period, l.delivered_at AT TIME ZONE m.timezone)
               = date_trunc(c.period, c.starts_at AT TIME ZONE m.timezone)
         GROUP BY 1, 2, 3) AS spent
 WHERE (c.buyer_offer_id, c.period, c.starts_at) = (spent.buyer_offer_id, spent.period, spent.starts_at);

-- Service areas beside the specified two: a region, a radius around a postal code, and the whole market ('*').
ALTER TABLE buyer_service_areas
  DROP CONSTRAINT buyer_service_areas_scope_type_valid,
  ADD CONSTRAINT buyer_service_areas_scope_type_valid
    CHECK (scope_type IN ('postal_code', 'city', 'region', 'radius', 'market'));

-- A place is one buyer's however it is written: of two that were, the one that routing went by.
UPDATE offer_exclusivities e
   SET is_active = false, updated_at = CURRENT_TIMESTAMP
 WHERE e.is_active
   AND EXISTS (SELECT FROM offer_exclusivities first
                WHERE first.is_active AND first.id < e.id AND first.offer_id = e.offer_id
                  AND first.scope_type = e.scope_type AND lower(first.scope_value) = lower(e.scope_value));

DROP INDEX idx_offer_exclusivities_folded;
CREATE UNIQUE INDEX offer_exclusivities_place_unique
  ON offer_exclusivities (offer_id, scope_type, lower(scope_value)) WHERE is_active;

-- Where a market's postal codes lie, in degrees.
CREATE TABLE places (
  market_id   integer NOT NULL REFERENCES markets(id) ON DELETE CASCADE,
  postal_code varchar(16) NOT NULL,
  latitude    numeric(8,5) NOT NULL,
  longitude   numeric(8,5) NOT NULL,

  PRIMARY KEY (market_id, postal_code),
  CONSTRAINT places_latitude_valid CHECK (latitude BETWEEN -90 AND 90),
  CONSTRAINT places_longitude_valid CHECK (longitude BETWEEN -180 AND 180)
);

-- The postal codes within each radius, found when configuration is applied: routing only looks them up.
CREATE TABLE radius_postal_codes (
  area_id     integer NOT NULL REFERENCES buyer_service_areas(id) ON DELETE CASCADE,
  market_id   integer NOT NULL REFERENCES markets(id) ON DELETE CASCADE,
  postal_code varchar(16) NOT NULL,

  PRIMARY KEY (area_id, postal_code)
);

CREATE INDEX idx_radius_postal_codes_place ON radius_postal_codes (market_id, lower(postal_code));

-- How the leads of a pool, the buyers who could each have had them, were shared among its members so far. The arrays
-- run beside each other; the pool is the SHA-256 of members and weights. Guarded by the members' row locks in buyers:
-- whoever shares out a lead of the pool holds them all.
CREATE TABLE rotations (
  offer_id integer NOT NULL REFERENCES offers(id) ON DELETE CASCADE,
  pool     bytea NOT NULL,
  members  integer[] NOT NULL,   -- buyer_offers.id, ascending
  weights  integer[] NOT NULL,
  taken    integer[] NOT NULL,
  used_at  timestamptz NOT NULL,

  PRIMARY KEY (offer_id, pool),
  CONSTRAINT rotations_arrays_match
    CHECK (cardinality(members) = cardinality(weights) AND cardinality(members) = cardinality(taken))
);

CREATE INDEX idx_rotations_members ON rotations USING gin (members);
CREATE INDEX idx_rotations_used_at ON rotations (used_at);

-- A lead that no rule may decide: a person looks at it first.
ALTER TABLE leads
  ADD COLUMN in_review_since timestamptz,
  ADD COLUMN review_reason   varchar(64),
  ADD COLUMN review_detail   varchar(1000),
  ADD COLUMN released_at     timestamptz,      -- from review, by a person: not held again
  ADD COLUMN fraud_score     integer,
  ADD COLUMN lead_score      integer,
  ADD COLUMN flags           text[] NOT NULL DEFAULT '{}',
  ADD COLUMN ip_country      char(2),
  ADD CONSTRAINT leads_review_has_reason CHECK ((in_review_since IS NULL) = (review_reason IS NULL));

CREATE INDEX idx_leads_in_review ON leads (in_review_since) WHERE in_review_since IS NOT NULL;

-- What performance_based routing and the SLA preference measure.
CREATE INDEX idx_leads_buyer_offer_delivered ON leads (buyer_id, offer_id, delivered_at) WHERE buyer_id IS NOT NULL;
