-- Deliveries that are sent again are replays, also all of a buyer's at once: a batch of them.
ALTER TABLE recoveries RENAME TO replay_batches;
ALTER SEQUENCE recoveries_id_seq RENAME TO replay_batches_id_seq;
ALTER TABLE replay_batches RENAME CONSTRAINT recoveries_pkey TO replay_batches_pkey;
ALTER TABLE replay_batches RENAME CONSTRAINT recoveries_range TO replay_batches_range;
ALTER TABLE replay_batches RENAME CONSTRAINT recoveries_rate_valid TO replay_batches_rate_valid;
ALTER TABLE replay_batches RENAME CONSTRAINT recoveries_buyer_id_fkey TO replay_batches_buyer_id_fkey;
ALTER INDEX idx_recoveries_buyer RENAME TO idx_replay_batches_buyer;

ALTER TABLE notices RENAME COLUMN recovery_id TO replay_batch_id;
ALTER TABLE notices RENAME CONSTRAINT notices_only_replays_recover TO notices_only_replays_have_batches;
ALTER TABLE notices RENAME CONSTRAINT notices_recovery_id_fkey TO notices_replay_batch_id_fkey;
ALTER INDEX notices_one_of_a_recovery RENAME TO notices_one_of_a_replay_batch;

-- A rotation is known by the SHA-256 of its buyers and their weights; of its leads so many are assigned to each.
ALTER TABLE rotations RENAME COLUMN pool TO rotation_key;
ALTER TABLE rotations RENAME COLUMN taken TO assigned;

-- What one buyer has to itself is an area: a postal code, or a city.
ALTER INDEX offer_exclusivities_place_unique RENAME TO offer_exclusivities_area_unique;

-- From PostgreSQL 18 on, what is NOT NULL is a constraint with a name, after its table and column as they were.
DO $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT t.relname, c.conname, left(t.relname || '_' || a.attname || '_not_null', 63) AS name
      FROM pg_constraint c
      JOIN pg_class t ON t.oid = c.conrelid
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
     WHERE c.contype = 'n' AND c.conrelid IN ('deliveries'::regclass, 'dunning_notices'::regclass,
                                              'replay_batches'::regclass, 'rotations'::regclass)
       AND c.conname <> left(t.relname || '_' || a.attname || '_not_null', 63)
  LOOP
    EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', old.relname, old.conname, old.name);
  END LOOP;
END $$;
