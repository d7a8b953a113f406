"""The embedded PostgreSQL: its programs, its data directory, the running server and the database in it."""
