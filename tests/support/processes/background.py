"""Processes as a shell starts them with ``&``: SIGINT is ignored, by them and by all that they start."""

IGNORING_INTERRUPTS = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""What a command line is preceded by."""
