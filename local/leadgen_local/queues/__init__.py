"""The queues inside the database: their topology, and the pump that hands messages to functions as SQS does."""
