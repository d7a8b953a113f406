"""The outside world: database, messages, calls that leave, mail, settings, log and clock."""
