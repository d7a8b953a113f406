"""The embedded stack: the template's functions, queues and schedules on one machine, with a PostgreSQL of its own."""
