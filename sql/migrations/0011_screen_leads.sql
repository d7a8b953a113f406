-- People who must not be sold, for one offer or for all; nothing of theirs is here but a hash.
CREATE TABLE suppressions (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  kind       text NOT NULL,
  hash       text NOT NULL,                                      -- SHA-256 in hex
  offer_id   integer REFERENCES offers(id) ON DELETE CASCADE,    -- NULL = every offer
  reason     text,

  CONSTRAINT suppressions_kind_valid CHECK (kind IN ('phone', 'email')),
  CONSTRAINT suppressions_hash_valid CHECK (hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT suppressions_reason_length CHECK (length(reason) <= 200),
  CONSTRAINT suppressions_unique UNIQUE NULLS NOT DISTINCT (hash, kind, offer_id)
);

CREATE INDEX idx_suppressions_offer ON suppressions (offer_id) WHERE offer_id IS NOT NULL;

-- What operators say of mail domains, and all domains under them, against the list of disposable ones.
CREATE TABLE disposable_domains (
  domain        text PRIMARY KEY,
  is_disposable boolean NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

  CONSTRAINT disposable_domains_domain_valid CHECK (domain ~ '^[a-z0-9.-]{1,253}$')
);

-- Which mail domains take mail, as DNS answered.
CREATE TABLE mail_domains (
  domain       text PRIMARY KEY,
  accepts_mail boolean NOT NULL,
  checked_at   timestamptz NOT NULL
);

-- What phone velocity counts; the index on ip_address and created_at is there.
CREATE INDEX idx_leads_phone_created_at ON leads (normalized_phone, created_at DESC) WHERE normalized_phone IS NOT NULL;
