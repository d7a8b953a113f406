-- The specification's schema, unchanged: types, tables, constraints and indexes.
-- Additions of our own begin with 0002.

-- Lead Status and Billing Status Enums
CREATE TYPE lead_status AS ENUM (
  'received', 'validated', 'delivered', 'accepted', 'rejected'
);

CREATE TYPE billing_status AS ENUM (
  'pending', 'billed', 'paid', 'disputed', 'refunded'
);

-- Invoice Status and Payment Method Enums
CREATE TYPE invoice_status AS ENUM (
  'draft', 'sent', 'paid', 'overdue', 'cancelled', 'disputed'
);

CREATE TYPE payment_method AS ENUM (
  'stripe', 'manual', 'bank_transfer', 'check'
);

-- Markets Table (markets)
CREATE TABLE markets (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  name            VARCHAR(200) NOT NULL,
  country_code    CHAR(2) NOT NULL DEFAULT 'US',  -- ISO 3166-1 alpha-2
  region_code     VARCHAR(20),          -- ISO 3166-2, optional
  timezone        VARCHAR(64) NOT NULL,           -- IANA name
  currency        CHAR(3) NOT NULL DEFAULT 'USD', -- ISO 4217

  is_active       BOOLEAN NOT NULL DEFAULT true
);

-- Verticals Table (verticals)
CREATE TABLE verticals (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  slug            VARCHAR(64) NOT NULL UNIQUE,
  name            VARCHAR(200) NOT NULL,          -- display name
  is_active       BOOLEAN NOT NULL DEFAULT true
);

-- Validation Policies Table (validation_policies)
CREATE TABLE validation_policies (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  name            VARCHAR(200) NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1,

  -- Rules live here (examples: allowed_postal_codes, duplicate_window_hours, phone_region, etc.)
  rules           JSONB NOT NULL,

  is_active       BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT validation_policies_rules_is_object
    CHECK (jsonb_typeof(rules) = 'object')
);

-- Routing Policies Table (routing_policies)
CREATE TABLE routing_policies (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  name            VARCHAR(200) NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1,

  -- Config: strategy, exclusivity behavior, fairness, caps, tie-breakers, etc.
  config          JSONB NOT NULL,

  is_active       BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT routing_policies_config_is_object
    CHECK (jsonb_typeof(config) = 'object')
);

-- Offers Table (offers)
CREATE TABLE offers (
  id                    SERIAL PRIMARY KEY,
  created_at            TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at            TIMESTAMPTZ,

  market_id             INTEGER NOT NULL REFERENCES markets(id) ON DELETE RESTRICT,
  vertical_id           INTEGER NOT NULL REFERENCES verticals(id) ON DELETE RESTRICT,

  name                  VARCHAR(200) NOT NULL,
  is_active             BOOLEAN NOT NULL DEFAULT true,

  default_price_per_lead DECIMAL(10,2) NOT NULL,
  invoice_threshold     DECIMAL(10,2) NOT NULL DEFAULT 500.00,

  validation_policy_id  INTEGER NOT NULL REFERENCES validation_policies(id) ON DELETE RESTRICT,
  routing_policy_id     INTEGER NOT NULL REFERENCES routing_policies(id) ON DELETE RESTRICT,

  CONSTRAINT offers_unique_market_vertical_name UNIQUE (market_id, vertical_id, name),
  CONSTRAINT offers_price_positive CHECK (default_price_per_lead > 0),
  CONSTRAINT offers_threshold_non_negative CHECK (invoice_threshold >= 0)
);

-- Sources Table (sources)
CREATE TABLE sources (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  offer_id         INTEGER NOT NULL REFERENCES offers(id) ON DELETE RESTRICT,

  -- Stable, human-manageable identifier used by landing pages / integrations
  source_key      VARCHAR(128) NOT NULL,

  kind            VARCHAR(32) NOT NULL,         -- "landing_page", "partner_api", "embed_form"
  name            VARCHAR(200) NOT NULL,        -- display label

  -- Deterministic HTTP mapping fields (optional; used when source_key not provided)
  hostname        VARCHAR(255),                -- exact match on lower(hostname)
  path_prefix     VARCHAR(255),                -- normalized prefix, must start with "/"

  -- Optional auth for programmatic ingestion (store hash, never plaintext)
  api_key_hash    VARCHAR(255),

  is_active       BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT sources_source_key_unique UNIQUE (source_key),
  CONSTRAINT sources_kind_valid CHECK (kind IN ('landing_page','partner_api','embed_form')),
  CONSTRAINT sources_path_prefix_format CHECK (path_prefix IS NULL OR path_prefix ~ '^/'),
  CONSTRAINT sources_http_mapping_requires_hostname CHECK (
    (path_prefix IS NULL AND hostname IS NULL) OR (hostname IS NOT NULL)
  )
);

-- Buyers Table (buyers)
CREATE TABLE buyers (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  -- Business information
  name            VARCHAR(200) NOT NULL,
  email           VARCHAR(200) NOT NULL UNIQUE,
  phone           VARCHAR(20) NOT NULL,
  company         VARCHAR(200),

  -- Delivery defaults (may be overridden per offer)
  webhook_url     VARCHAR(500),
  webhook_secret  VARCHAR(200),
  email_notifications BOOLEAN NOT NULL DEFAULT true,
  sms_notifications   BOOLEAN NOT NULL DEFAULT false,

  -- Buyer lifecycle
  is_active       BOOLEAN NOT NULL DEFAULT true,

  -- Billing
  balance         DECIMAL(10,2) NOT NULL DEFAULT 0.00,
  credit_limit    DECIMAL(10,2),

  billing_cycle   VARCHAR(20) NOT NULL DEFAULT 'weekly',
  payment_method  VARCHAR(50),
  payment_method_id VARCHAR(200),

  CONSTRAINT check_non_negative_balance CHECK (balance >= 0)
);

-- Buyer Offer Enrollment Table (buyer_offers)
CREATE TABLE buyer_offers (
  id                  SERIAL PRIMARY KEY,
  created_at          TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at          TIMESTAMPTZ,

  buyer_id            INTEGER NOT NULL REFERENCES buyers(id) ON DELETE CASCADE,
  offer_id            INTEGER NOT NULL REFERENCES offers(id) ON DELETE CASCADE,

  is_active           BOOLEAN NOT NULL DEFAULT true,

  routing_priority    INTEGER NOT NULL DEFAULT 1,
  capacity_per_day    INTEGER,                  -- NULL = unlimited
  capacity_per_hour   INTEGER,                  -- optional

  price_per_lead      DECIMAL(10,2),            -- NULL => offers.default_price_per_lead

  -- Optional per-offer delivery overrides
  webhook_url_override VARCHAR(500),
  email_override       VARCHAR(200),
  sms_override         VARCHAR(20),

  -- Optional buyer constraints for routing
  min_balance_required DECIMAL(10,2),           -- NULL = no minimum
  pause_until          TIMESTAMPTZ,

  CONSTRAINT buyer_offers_unique UNIQUE (buyer_id, offer_id),
  CONSTRAINT buyer_offers_priority_positive CHECK (routing_priority >= 1),
  CONSTRAINT buyer_offers_capacity_positive CHECK (capacity_per_day IS NULL OR capacity_per_day >= 0),
  CONSTRAINT buyer_offers_price_positive CHECK (price_per_lead IS NULL OR price_per_lead > 0)
);

-- Buyer Service Areas Table (buyer_service_areas)
CREATE TABLE buyer_service_areas (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  buyer_id        INTEGER NOT NULL REFERENCES buyers(id) ON DELETE CASCADE,
  market_id       INTEGER NOT NULL REFERENCES markets(id) ON DELETE CASCADE,

  scope_type      VARCHAR(16) NOT NULL,     -- "postal_code", "city"
  scope_value     VARCHAR(64) NOT NULL,

  is_active       BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT buyer_service_areas_scope_type_valid
    CHECK (scope_type IN ('postal_code','city')),
  CONSTRAINT buyer_service_areas_unique UNIQUE (buyer_id, market_id, scope_type, scope_value)
);

-- Offer Exclusivity Rules Table (offer_exclusivities)
CREATE TABLE offer_exclusivities (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  offer_id         INTEGER NOT NULL REFERENCES offers(id) ON DELETE CASCADE,
  scope_type       VARCHAR(16) NOT NULL,     -- "postal_code", "city"
  scope_value      VARCHAR(64) NOT NULL,

  buyer_id         INTEGER NOT NULL REFERENCES buyers(id) ON DELETE CASCADE,

  is_active        BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT offer_exclusivities_scope_type_valid
    CHECK (scope_type IN ('postal_code','city')),
  CONSTRAINT offer_exclusivities_unique UNIQUE (offer_id, scope_type, scope_value)
);

-- Leads Table (leads)
CREATE TABLE leads (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  -- Deterministic classification
  market_id       INTEGER NOT NULL REFERENCES markets(id) ON DELETE RESTRICT,
  vertical_id     INTEGER NOT NULL REFERENCES verticals(id) ON DELETE RESTRICT,
  offer_id        INTEGER NOT NULL REFERENCES offers(id) ON DELETE RESTRICT,
  source_id       INTEGER NOT NULL REFERENCES sources(id) ON DELETE RESTRICT,

  -- Idempotency (prevents duplicates across retries/reposts)
  idempotency_key VARCHAR(128), -- provided by client/source or derived (e.g., hash)

  -- Core lead data (PII)
  source          VARCHAR(100) NOT NULL DEFAULT 'landing_page',
  name            VARCHAR(200) NOT NULL,
  email           VARCHAR(200) NOT NULL,
  phone           VARCHAR(20) NOT NULL,

  -- Location (generalized)
  country_code    CHAR(2) NOT NULL DEFAULT 'US',
  postal_code     VARCHAR(16) NOT NULL,  -- replaces zip
  city            VARCHAR(128),
  region_code     VARCHAR(20),          -- ISO 3166-2, optional
  message         TEXT,

  -- State tracking
  status          lead_status NOT NULL DEFAULT 'received',
  validation_reason VARCHAR(500),

  -- Buyer relationship
  buyer_id        INTEGER REFERENCES buyers(id) ON DELETE SET NULL,
  delivered_at    TIMESTAMPTZ,
  accepted_at     TIMESTAMPTZ,
  rejected_at     TIMESTAMPTZ,
  rejection_reason VARCHAR(500),

  -- Billing lifecycle
  billing_status  billing_status NOT NULL DEFAULT 'pending',
  price           DECIMAL(10,2),
  billed_at       TIMESTAMPTZ,
  paid_at         TIMESTAMPTZ,

  -- Attribution tracking
  utm_source      VARCHAR(100),
  utm_medium      VARCHAR(100),
  utm_campaign     VARCHAR(100),
  ip_address      INET,
  user_agent      TEXT,

  -- Duplicate detection (normalized fields for matching)
  normalized_email VARCHAR(320),
  normalized_phone VARCHAR(32),
  duplicate_of_lead_id INTEGER REFERENCES leads(id) ON DELETE SET NULL,
  is_duplicate BOOLEAN NOT NULL DEFAULT false,

  CONSTRAINT leads_idempotency_unique_per_source
    UNIQUE (source_id, idempotency_key),
  CONSTRAINT leads_normalized_phone_len
    CHECK (normalized_phone IS NULL OR LENGTH(normalized_phone) BETWEEN 7 AND 32),
  CONSTRAINT leads_normalized_email_len
    CHECK (normalized_email IS NULL OR LENGTH(normalized_email) BETWEEN 3 AND 320)
);

-- Invoices Table (invoices)
CREATE TABLE invoices (
  id              SERIAL PRIMARY KEY,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at      TIMESTAMPTZ,

  buyer_id        INTEGER NOT NULL REFERENCES buyers(id) ON DELETE CASCADE,
  offer_id        INTEGER NOT NULL REFERENCES offers(id) ON DELETE RESTRICT,

  period_start    TIMESTAMPTZ NOT NULL,
  period_end      TIMESTAMPTZ NOT NULL,
  due_date        TIMESTAMPTZ NOT NULL,

  invoice_number  VARCHAR(50) NOT NULL UNIQUE,
  status          invoice_status NOT NULL DEFAULT 'draft',

  total_leads     INTEGER NOT NULL DEFAULT 0,
  amount_due      DECIMAL(10,2) NOT NULL DEFAULT 0.00,
  tax_amount      DECIMAL(10,2) NOT NULL DEFAULT 0.00,
  total_amount    DECIMAL(10,2) NOT NULL DEFAULT 0.00,

  payment_method  payment_method,
  paid_at         TIMESTAMPTZ,
  transaction_id  VARCHAR(200),

  disputed_at     TIMESTAMPTZ,
  dispute_reason  TEXT,
  resolved_at     TIMESTAMPTZ,
  resolution_notes TEXT,

  CONSTRAINT check_valid_period CHECK (period_start < period_end),
  CONSTRAINT check_non_negative_leads CHECK (total_leads >= 0),
  CONSTRAINT check_non_negative_amount CHECK (amount_due >= 0)
);

-- Index Strategy for Performance
-- Leads: multi-tenant read patterns (offer/market/vertical + time series)
CREATE INDEX idx_leads_offer_created_at ON leads(offer_id, created_at DESC);
CREATE INDEX idx_leads_market_created_at ON leads(market_id, created_at DESC);
CREATE INDEX idx_leads_vertical_created_at ON leads(vertical_id, created_at DESC);
CREATE INDEX idx_leads_source_created_at ON leads(source_id, created_at DESC);

CREATE INDEX idx_leads_email ON leads(email);
CREATE INDEX idx_leads_phone ON leads(phone);
CREATE INDEX idx_leads_status ON leads(status);
CREATE INDEX idx_leads_billing_status ON leads(billing_status);
CREATE INDEX idx_leads_buyer_created_at ON leads(buyer_id, created_at DESC);

-- Duplicate detection (typical: by offer + phone/email + time window)
CREATE INDEX idx_leads_offer_phone_created ON leads(offer_id, phone, created_at DESC);
CREATE INDEX idx_leads_offer_email_created ON leads(offer_id, email, created_at DESC);

-- Duplicate detection (normalized fields for fast lookups)
CREATE INDEX IF NOT EXISTS idx_leads_offer_norm_phone_created
  ON leads(offer_id, normalized_phone, created_at DESC)
  WHERE normalized_phone IS NOT NULL;

CREATE INDEX IF NOT EXISTS idx_leads_offer_norm_email_created
  ON leads(offer_id, normalized_email, created_at DESC)
  WHERE normalized_email IS NOT NULL;

-- Optional: for same_source_only duplicate detection
CREATE INDEX IF NOT EXISTS idx_leads_offer_source_norm_phone_created
  ON leads(offer_id, source_id, normalized_phone, created_at DESC)
  WHERE normalized_phone IS NOT NULL;

CREATE INDEX IF NOT EXISTS idx_leads_offer_source_norm_email_created
  ON leads(offer_id, source_id, normalized_email, created_at DESC)
  WHERE normalized_email IS NOT NULL;

-- Idempotency lookup (scoped by source)
CREATE INDEX idx_leads_source_idempotency ON leads(source_id, idempotency_key);

-- Buyer lookup by offer and priority
CREATE INDEX idx_buyer_offers_offer_active_priority
  ON buyer_offers(offer_id, is_active, routing_priority DESC);

-- Buyer service area resolution
CREATE INDEX idx_buyer_service_areas_market_scope
  ON buyer_service_areas(market_id, scope_type, scope_value)
  WHERE is_active = true;

-- Exclusivity lookup
CREATE INDEX idx_offer_exclusivities_offer_scope
  ON offer_exclusivities(offer_id, scope_type, scope_value)
  WHERE is_active = true;

-- Sources: classification resolution
CREATE INDEX idx_sources_offer_id ON sources(offer_id);
CREATE INDEX idx_sources_active_key ON sources(is_active, source_key);

-- HTTP mapping lookup (exact hostname; then longest-prefix match)
CREATE INDEX idx_sources_active_hostname ON sources(is_active, hostname);
CREATE INDEX idx_sources_active_hostname_prefix ON sources(is_active, hostname, path_prefix);

-- Invoices: by buyer + offer + period
CREATE INDEX idx_invoices_buyer_offer_period
  ON invoices(buyer_id, offer_id, period_start, period_end);

CREATE INDEX idx_invoices_status_due
  ON invoices(status, due_date);

CREATE INDEX idx_invoices_paid_at
  ON invoices(paid_at) WHERE paid_at IS NOT NULL;

-- Separate duplicate events table (audit-grade)
CREATE TABLE IF NOT EXISTS lead_duplicate_events (
  id                BIGSERIAL PRIMARY KEY,
  created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

  lead_id           INTEGER NOT NULL REFERENCES leads(id) ON DELETE CASCADE,
  matched_lead_id   INTEGER NOT NULL REFERENCES leads(id) ON DELETE RESTRICT,

  offer_id          INTEGER NOT NULL REFERENCES offers(id) ON DELETE RESTRICT,
  source_id         INTEGER NOT NULL REFERENCES sources(id) ON DELETE RESTRICT,

  match_keys        TEXT[] NOT NULL,          -- e.g., {"phone"} or {"email","phone"}
  window_hours      INTEGER NOT NULL,
  match_mode        VARCHAR(8) NOT NULL,      -- "any" | "all"
  include_sources   VARCHAR(16) NOT NULL,     -- "any" | "same_source_only"

  action            VARCHAR(8) NOT NULL,      -- "reject" | "flag" | "accept"
  reason_code       VARCHAR(64) NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_lde_lead_id ON lead_duplicate_events(lead_id);
CREATE INDEX IF NOT EXISTS idx_lde_offer_created_at ON lead_duplicate_events(offer_id, created_at DESC);

-- Audit trail
CREATE TABLE audit_logs (
    id SERIAL PRIMARY KEY,
    timestamp TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    user_id INTEGER,
    action VARCHAR(100) NOT NULL,
    resource_type VARCHAR(50) NOT NULL,
    resource_id INTEGER,
    before_state JSONB,
    after_state JSONB,
    ip_address INET,
    user_agent TEXT
);
