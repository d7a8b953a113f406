-- Tell the queues bound to each message's event, and wake whoever listens, in the caller's transaction.
-- Answers where the messages went: the queue "outbox" is what a function publishes after its commit.
CREATE FUNCTION announce(messages jsonb[], delays double precision[] DEFAULT NULL)
RETURNS TABLE (queue_name text, msg_id bigint) LANGUAGE plpgsql AS $$
DECLARE
  topic text;
  batch jsonb[];
  due   timestamptz;
BEGIN
  FOR topic, batch, due IN
    SELECT told.message->>'event', array_agg(told.message ORDER BY told.position),
           clock_timestamp() + make_interval(secs => coalesce(delays[told.position], 0))
      FROM unnest(messages) WITH ORDINALITY AS told(message, position)
     GROUP BY told.message->>'event', coalesce(delays[told.position], 0)
     ORDER BY min(told.position)
  LOOP
    RETURN QUERY SELECT sent.queue_name, sent.msg_id FROM pgmq.send_batch_topic(topic, batch, due) AS sent;
    PERFORM pg_notify('leadgen_queues', topic);
  END LOOP;
END $$;
