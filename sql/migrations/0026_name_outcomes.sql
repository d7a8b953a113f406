-- The field's words for what a call came to: succeeded, rejected (by the buyer), outcome unknown. Rows of before are
-- carried over; what was sent says what it said: a notice keeps the name its event had.
ALTER TABLE deliveries RENAME COLUMN in_doubt TO outcome_unknown;
ALTER TABLE deliveries RENAME COLUMN refusal TO rejection;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_status_valid, DROP CONSTRAINT deliveries_verdict_valid;

UPDATE deliveries
   SET status = CASE status WHEN 'taken' THEN 'succeeded' ELSE status END,
       verdict = CASE verdict WHEN 'taken' THEN 'succeeded' ELSE verdict END,
       review_reason = CASE review_reason WHEN 'refused' THEN 'rejected' WHEN 'unknown' THEN 'outcome_unknown'
                                          WHEN 'refused_in_doubt' THEN 'rejected_outcome_unknown'
                                          ELSE review_reason END,
       release_reason = CASE release_reason WHEN 'refused' THEN 'rejected' ELSE release_reason END
 WHERE status = 'taken' OR verdict = 'taken' OR review_reason IN ('refused', 'unknown', 'refused_in_doubt')
    OR release_reason = 'refused';

ALTER TABLE deliveries
  ADD CONSTRAINT deliveries_status_valid CHECK (status IN ('pending', 'succeeded', 'in_review', 'released')),
  ADD CONSTRAINT deliveries_verdict_valid
    CHECK (verdict IN ('redeliver', 'assign', 'return', 'reject', 'succeeded'));

-- A lead that nobody gets because its buyer rejected it.
UPDATE leads SET rejection_reason = 'rejected_by_buyer' WHERE status = 'rejected' AND rejection_reason = 'refused';

-- The attempts are append-only: a column is given its values anew as a whole, and no row is updated.
ALTER TABLE delivery_attempts DROP CONSTRAINT delivery_attempts_outcome_valid;
ALTER TABLE delivery_attempts ALTER COLUMN outcome TYPE varchar(16)
  USING CASE outcome WHEN 'taken' THEN 'succeeded' WHEN 'refused' THEN 'rejected' ELSE outcome END;
ALTER TABLE delivery_attempts ADD CONSTRAINT delivery_attempts_outcome_valid
  CHECK (outcome IN ('succeeded', 'rejected', 'failed', 'failed_for_good', 'unknown'));

ALTER TABLE notice_attempts DROP CONSTRAINT notice_attempts_outcome_valid;
ALTER TABLE notice_attempts ALTER COLUMN outcome TYPE varchar(16)
  USING CASE outcome WHEN 'taken' THEN 'succeeded' WHEN 'refused' THEN 'rejected' ELSE outcome END;
ALTER TABLE notice_attempts ADD CONSTRAINT notice_attempts_outcome_valid
  CHECK (outcome IN ('succeeded', 'rejected', 'failed', 'failed_for_good', 'unknown'));

ALTER TABLE notices DROP CONSTRAINT notices_status_valid;
UPDATE notices SET status = 'succeeded' WHERE status = 'taken';
ALTER TABLE notices ADD CONSTRAINT notices_status_valid CHECK (status IN ('pending', 'succeeded', 'given_up'));

ALTER TABLE dunning_notices RENAME COLUMN doubts TO unknown_outcomes;
ALTER TABLE dunning_notices DROP CONSTRAINT dunning_notices_status_valid;
UPDATE dunning_notices SET status = 'failed' WHERE status = 'refused';
ALTER TABLE dunning_notices ADD CONSTRAINT dunning_notices_status_valid CHECK (status IN ('claimed', 'sent', 'failed'));

-- delivery.refused is delivery.rejected: under its new key an event is the one it was, however late it comes again.
UPDATE lifecycle_events
   SET event = 'delivery.rejected', message = jsonb_set(message, '{event}', '"delivery.rejected"'),
       event_key = 'delivery.rejected' || substr(event_key, length('delivery.refused') + 1)
 WHERE event = 'delivery.refused';
UPDATE notices SET event_key = 'delivery.rejected' || substr(event_key, length('delivery.refused') + 1)
 WHERE event = 'delivery.refused' AND event_key IS NOT NULL;
UPDATE subscriptions SET events = array_replace(events, 'delivery.refused', 'delivery.rejected')
 WHERE 'delivery.refused' = ANY (events);

-- How a buyer's answer is read. As text, byte for byte as it is written: the order of a format's fields counts.
UPDATE buyer_offers bo
   SET delivery = (
     SELECT '{' || string_agg(to_json(part.key)::text || ': ' || CASE part.key WHEN 'answer' THEN (
              SELECT '{' || string_agg(
                       CASE rule.key WHEN 'refused_statuses' THEN '"rejected_statuses"'
                                     WHEN 'refused_when' THEN '"rejected_when"' ELSE to_json(rule.key)::text END
                       || ': ' ||
                       CASE WHEN rule.key = 'otherwise' AND rule.value #>> '{}' = 'refused' THEN '"rejected"'
                            ELSE rule.value::text END, ', ' ORDER BY rule.position) || '}'
                FROM json_each(part.value) WITH ORDINALITY AS rule(key, value, position))
              ELSE part.value::text END, ', ' ORDER BY part.position) || '}'
       FROM json_each(bo.delivery) WITH ORDINALITY AS part(key, value, position))::json
 WHERE json_typeof(bo.delivery -> 'answer') = 'object';

CREATE OR REPLACE FUNCTION announce(messages jsonb[], delays double precision[] DEFAULT NULL)
RETURNS TABLE (queue_name text, msg_id bigint) LANGUAGE plpgsql AS $$
DECLARE
  topic text;
  batch jsonb[];
  due   timestamptz;
BEGIN
  FOR topic, batch, due IN
    SELECT given.message->>'event', array_agg(given.message ORDER BY given.position),
           clock_timestamp() + make_interval(secs => coalesce(delays[given.position], 0))
      FROM unnest(messages) WITH ORDINALITY AS given(message, position)
     GROUP BY given.message->>'event', coalesce(delays[given.position], 0)
     ORDER BY min(given.position)
  LOOP
    RETURN QUERY SELECT sent.queue_name, sent.msg_id FROM pgmq.send_batch_topic(topic, batch, due) AS sent;
    PERFORM pg_notify('leadgen_queues', topic);
  END LOOP;
END $$;
