"""What ``make run`` shows: the example markets applied, the example leads posted, and what became of each."""
