"""Buyers by name, and under lock: a buyer's lock is the lock of all its money and all its caps."""
