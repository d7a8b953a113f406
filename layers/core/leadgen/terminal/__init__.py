"""What every command of the ``leadgen`` program shares: its connection, tables, times and progress."""
