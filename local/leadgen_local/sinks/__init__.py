"""What stands for the outside world: a fake buyer, a fake Stripe, and sinks of mail and SMS."""
