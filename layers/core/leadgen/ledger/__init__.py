"""The double-entry ledger: accounts, kinds, postings. Append-only; balances move in the same statement."""
