"""The outside world: database, messages, calls that leave, mail, SMS, HTTP, settings, log and clock. Knows no lead."""
