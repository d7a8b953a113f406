-- Deliveries that an operator decides on. What was said last stands on the delivery, so that saying it again does nothing;
-- all that was ever said is in the audit trail.
ALTER TABLE deliveries
  ADD COLUMN verdict          varchar(16),
  ADD COLUMN verdict_buyer_id integer REFERENCES buyers(id) ON DELETE RESTRICT, -- whom it was assigned to
  ADD COLUMN verdict_at       timestamptz,  -- while it is updated_at as well, nothing has happened since
  ADD COLUMN verdict_by       varchar(200),
  ADD CONSTRAINT deliveries_verdict_valid CHECK (verdict IN ('redeliver', 'assign', 'return', 'reject', 'taken')),
  ADD CONSTRAINT deliveries_verdict_whole CHECK (num_nulls(verdict, verdict_at, verdict_by) IN (0, 3)),
  ADD CONSTRAINT deliveries_assigned_to_somebody
    CHECK ((verdict IS NOT DISTINCT FROM 'assign') = (verdict_buyer_id IS NOT NULL));

-- An endpoint that nothing names any more may be forgotten.
CREATE INDEX idx_deliveries_endpoint ON deliveries (endpoint_id) WHERE endpoint_id IS NOT NULL;
CREATE INDEX idx_notices_endpoint ON notices (endpoint_id) WHERE endpoint_id IS NOT NULL;
