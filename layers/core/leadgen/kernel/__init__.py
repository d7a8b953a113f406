"""What the platform decides: pure functions over frozen values. No I/O, no clock, no environment, no randomness."""
