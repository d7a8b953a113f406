"""Is all the money where it should be? Every invariant of the ledger and the invoices, asked in one snapshot."""
