"""What issued invoices are owed, and by what it becomes less or more.

Read ``domain.settlement``; then credit notes, disputes, write-offs, debts of chargebacks, dunning, each a service.
"""
