"""People who must not be sold: lists of hashes of e-mail addresses and telephone numbers."""
