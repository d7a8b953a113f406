"""SQL: one function is one statement; a connection comes first, typed rows come out, nothing commits."""
