"""The template's schedules: when each is due, and one thread that calls its function."""
