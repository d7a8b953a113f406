"""Who owns sources: what they earn, and their monthly payouts."""
