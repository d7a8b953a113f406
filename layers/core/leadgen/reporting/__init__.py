"""Statements of account, the aging report, the journal and exports."""
