"""Signals that a child process is ready: it writes a line to a pipe that its parent reads."""

import os

DESCRIPTOR_VARIABLE = "LEADGEN_READY_DESCRIPTOR"


def announce() -> None:
    """Write the line, once, if the parent has handed down a pipe."""
    descriptor = os.environ.pop(DESCRIPTOR_VARIABLE, None)
    if descriptor is not None:
        os.write(int(descriptor), b"ready\n")
        os.close(int(descriptor))
