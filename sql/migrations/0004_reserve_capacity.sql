-- What a claim takes from a buyer: one of the period's places, and a part of the credit.
CREATE TABLE capacity_counters (
  buyer_offer_id integer NOT NULL REFERENCES buyer_offers(id) ON DELETE CASCADE,
  period         varchar(8) NOT NULL,
  starts_at      timestamptz NOT NULL,   -- the period's first instant in the market's time zone
  claimed        integer NOT NULL,       -- leads claimed in the period

  PRIMARY KEY (buyer_offer_id, period, starts_at),
  CONSTRAINT capacity_counters_period_valid CHECK (period IN ('hour', 'day')),
  CONSTRAINT capacity_counters_claimed_positive CHECK (claimed > 0)
);

ALTER TABLE buyers
  ADD COLUMN currency       char(3) NOT NULL DEFAULT 'USD',
  ADD COLUMN pending_amount numeric(12,2) NOT NULL DEFAULT 0,   -- claimed but not yet billed
  ADD CONSTRAINT buyers_pending_amount_not_negative CHECK (pending_amount >= 0);

-- Prepaid money.
CREATE TABLE wallets (
  buyer_id   integer PRIMARY KEY REFERENCES buyers(id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz,
  balance    numeric(12,2) NOT NULL DEFAULT 0,

  CONSTRAINT wallets_balance_not_negative CHECK (balance >= 0)
);

-- Service areas and exclusivities match whatever capitals a person typed.
CREATE INDEX idx_buyer_service_areas_folded
  ON buyer_service_areas (market_id, scope_type, lower(scope_value)) WHERE is_active;
CREATE INDEX idx_offer_exclusivities_folded
  ON offer_exclusivities (offer_id, scope_type, lower(scope_value)) WHERE is_active;
