"""The insert-only audit log: who did what."""
