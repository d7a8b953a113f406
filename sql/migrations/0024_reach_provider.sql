-- What is asked of the payment provider, each thing by one worker at a time, and what waits of what it tells.

ALTER TABLE buyers
  ADD COLUMN payment_method_saved_at timestamptz;  -- by the provider's clock: the card that was left last is the one kept

CREATE INDEX idx_buyers_auto_top_up ON buyers (id) WHERE billing ? 'auto_top_up';
CREATE INDEX idx_buyers_provider_customer ON buyers (provider_customer_id) WHERE provider_customer_id IS NOT NULL;

-- A claim lives as long as the call may take; whoever finds it later knows that nobody knows what came of the call.
ALTER TABLE payments
  ADD COLUMN attempts          integer NOT NULL DEFAULT 0,
  ADD COLUMN claimed_until     timestamptz,
  ADD COLUMN payment_method_id varchar(200);  -- the card that an automatic one was last asked of

CREATE INDEX idx_payments_automatic ON payments (buyer_id, id) WHERE is_automatic;

ALTER TABLE refunds
  ADD COLUMN claimed_until timestamptz;

ALTER TABLE payment_events
  ADD COLUMN waits_for varchar(64);  -- why it is not processed, such as for its payment

CREATE INDEX idx_payment_events_object ON payment_events (object_id);
