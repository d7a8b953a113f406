"""Invoices and credit notes as documents: letters drawn as PDF, EN 16931 e-invoices, kept and mailed once."""
