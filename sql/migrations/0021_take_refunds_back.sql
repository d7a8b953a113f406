-- A refund that the provider had paid may still come back: the buyer's bank would not take it.
INSERT INTO ledger_pairs (kind, debit, credit) VALUES ('refund_failed', 'cash', 'wallet');
