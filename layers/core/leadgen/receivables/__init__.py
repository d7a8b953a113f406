"""Changes what an issued invoice is owed: credit notes, disputes, write-offs, debts, reminders.

Subscribes to: nothing. Publishes: credit_note.issued.
Alone writes: credit_note_lines, credit_notes, dunning_notices, invoice_disputes.
Read first: domain/settlement.py and service/settlement.py, then a service for each: credit_notes, disputes,
    write_offs, debts, dunning, overdue.
"""
