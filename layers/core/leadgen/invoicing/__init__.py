"""Invoices: drafted from billed leads at a threshold or at the close of a cycle, issued with gapless numbers."""
