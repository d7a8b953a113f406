-- How a buyer of an offer is sent its leads: schedule, format, and how its answer is read; NULL = as specified.
-- json and not jsonb, which would not keep the order of the buyer's fields: in XML it may matter.
ALTER TABLE buyer_offers
  ADD COLUMN delivery json,
  ADD CONSTRAINT buyer_offers_delivery_is_object CHECK (json_typeof(delivery) = 'object');

-- For the same reason: a rollback configures what stands here.
ALTER TABLE configuration_versions
  DROP CONSTRAINT configuration_versions_snapshot_is_list,
  ALTER COLUMN snapshot TYPE json USING snapshot::json,
  ADD CONSTRAINT configuration_versions_snapshot_is_list CHECK (json_typeof(snapshot) = 'array');
