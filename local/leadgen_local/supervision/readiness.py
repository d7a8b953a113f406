"""How a child process tells its parent that it now does its work: a line on an inherited pipe."""

import os

DESCRIPTOR_VARIABLE = "LEADGEN_READY_DESCRIPTOR"


def announce() -> None:
    """Tell the parent once, if it asked to be told."""
    descriptor = os.environ.pop(DESCRIPTOR_VARIABLE, None)
    if descriptor is not None:
        os.write(int(descriptor), b"ready\n")
        os.close(int(descriptor))
