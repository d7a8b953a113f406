"""What waits for a person, and a person's verdict: leads on hold and deliveries that did not end by themselves."""
