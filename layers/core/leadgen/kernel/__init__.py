"""The shared kernel: money, time, events, errors and the decision trace. Pure, and known to everybody."""
