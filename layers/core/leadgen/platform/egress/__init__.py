"""The one client of every HTTP call that leaves, with its guards: URL, DNS, public address, deadline."""
