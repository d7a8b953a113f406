"""What ``make run`` applies, posts and reports: the operator's files, or the examples on an empty embedded database."""
