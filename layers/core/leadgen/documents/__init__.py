"""Draws invoices and credit notes as PDF and EN 16931 files, keeps them and mails each once.

Subscribes to: credit_note.issued, invoice.generated. Publishes: credit_note.issued, invoice.generated.
Alone writes: document_mails, documents.
Read first: service/documents.py, service/mails.py, then domain/sales_letters.py and domain/einvoice.py.
"""
