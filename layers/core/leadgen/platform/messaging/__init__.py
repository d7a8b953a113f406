"""Messages between the stages: PGMQ as the outbox, SNS on AWS, and the batch runner of an SQS function."""
