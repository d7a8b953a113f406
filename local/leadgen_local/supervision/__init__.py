"""Processes: started, awaited, restarted, stopped; their sockets, locks and HTTP servers."""
