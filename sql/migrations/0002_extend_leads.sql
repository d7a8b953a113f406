-- What a lead carries beyond the specified columns.
ALTER TABLE leads
  ADD COLUMN attributes       jsonb NOT NULL DEFAULT '{}',  -- the vertical's own fields
  ADD COLUMN consent          boolean,
  ADD COLUMN gdpr_consent     boolean,
  ADD COLUMN content_hash     char(64),                     -- SHA-256 of the posted content: tells a replay from a reused key
  ADD COLUMN trace_id         varchar(64),

  -- Frozen when the lead is claimed for a buyer; billing copies delivered_price to price.
  ADD COLUMN delivered_price  numeric(10,2),
  ADD COLUMN price_components jsonb,

  -- A validated lead that found no buyer.
  ADD COLUMN unrouted_at      timestamptz,
  ADD COLUMN unrouted_reason  varchar(64),
  ADD COLUMN route_again_at   timestamptz,
  ADD COLUMN route_attempts   integer NOT NULL DEFAULT 0,

  ADD COLUMN erased_at        timestamptz,                  -- personal data removed by retention

  ADD CONSTRAINT leads_attributes_is_object CHECK (jsonb_typeof(attributes) = 'object'),
  ADD CONSTRAINT leads_delivered_price_positive CHECK (delivered_price IS NULL OR delivered_price > 0),
  ADD CONSTRAINT leads_delivered_price_with_components
    CHECK ((delivered_price IS NULL) = (price_components IS NULL));

-- Leads not yet decided are few: finding the earlier ones of the same person stays cheap however often they posted.
CREATE INDEX idx_leads_undecided_phone ON leads (offer_id, normalized_phone) WHERE status = 'received';
CREATE INDEX idx_leads_undecided_email ON leads (offer_id, normalized_email) WHERE status = 'received';

-- What the sweep looks for.
CREATE INDEX idx_leads_route_again ON leads (route_again_at) WHERE status = 'validated' AND route_again_at IS NOT NULL;
CREATE INDEX idx_leads_unbilled ON leads (delivered_at) WHERE status IN ('delivered', 'accepted') AND billing_status = 'pending';

-- What the rate limit counts.
CREATE INDEX idx_leads_ip_created_at ON leads (ip_address, created_at DESC) WHERE ip_address IS NOT NULL;

-- The classification binds for ever, and so does the price once a buyer has the lead.
CREATE FUNCTION refuse_lead_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.source_id, OLD.offer_id, OLD.market_id, OLD.vertical_id, OLD.idempotency_key, OLD.created_at)
     IS DISTINCT FROM
     (NEW.source_id, NEW.offer_id, NEW.market_id, NEW.vertical_id, NEW.idempotency_key, NEW.created_at) THEN
    RAISE EXCEPTION 'lead %: its classification and idempotency key never change', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_classification_is_immutable';
  END IF;
  IF OLD.delivered_price IS NOT NULL
     AND (OLD.delivered_price, OLD.price_components) IS DISTINCT FROM (NEW.delivered_price, NEW.price_components) THEN
    RAISE EXCEPTION 'lead %: its delivered price never changes', OLD.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'leads_delivered_price_is_immutable';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER leads_refuse_rewrite BEFORE UPDATE ON leads
  FOR EACH ROW EXECUTE FUNCTION refuse_lead_rewrite();
