"""LeadGen: a pay-per-lead marketplace whose every decision is explained and repeatable.

A package is a capability. Each has up to six rooms, in this order, which an import contract holds:
``domain`` decides (pure), ``store`` is SQL (one function, one literal statement), ``adapters`` reach an
outside system that only this capability knows, ``service`` carries a use case out, ``routes`` and
``commands`` are its HTTP and its command line.

The lead's walk   intake -> validation (suppression) -> routing -> delivery -> review; notifications beside it
The money         ledger -> billing -> receivables -> invoicing, payments, returns -> documents, publishers, reporting;
                  reconciliation holds the whole against itself
The operator      configuration, explanation, simulation
The ground        kernel (words), platform (database, messages, calls, mail), leads, outbound, decisions, buyers,
                  access, audit_trail, terminal
"""

VERSION = "1.0.0"
