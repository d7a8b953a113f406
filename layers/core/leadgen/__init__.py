"""LeadGen: a pay-per-lead marketplace whose every decision is explained and repeatable.

A package is a capability. Each imports only packages further down this list, which an import contract holds:

  cli             the ``leadgen`` program: lists the commands of the capabilities
  reporting       statements, aging report, journal, exports
  publishers      monthly payouts to the owners of sources
  simulation      what-if over recorded leads; a delivery previewed
  review          what waits for an operator, and the operator's verdicts
  configuration   YAML files of markets, offers, policies and buyers: plan, apply, export, roll back
  documents       invoices and credit notes as PDF and e-invoices, mailed once
  explanation     why a lead went where it went, and what would have changed it
  notifications   events to subscribers, SMS, replays
  delivery        a routed lead is sent to its buyer
  invoicing       billed leads become issued invoices
  payments        money in and out, and the payment provider
  returns         leads that buyers return
  receivables     what issued invoices are owed: credit notes, disputes, dunning, write-offs
  routing         one buyer and one price for a lead
  validation      duplicates, rules, fraud, scoring
  intake          a posted lead is classified and stored once
  outbound        calls to other systems: signing, backoff, circuit breakers
  reconciliation  the invariants of all money
  suppression     people who must not be sold
  access          tokens, roles, scopes
  terminal        what commands share: connection, tables, times, progress
  leads           the lead: fields, states, conditions
  billing         a delivered lead is charged once
  audit_trail     who changed what
  buyers          buyers under lock and by name
  decisions       the record of every decision
  ledger          the double-entry ledger
  platform        database, messages, calls, mail, SMS, HTTP, settings, log, clock
  kernel          money, time, events, errors, the decision trace: pure words

A lead walks through intake, validation, routing, delivery and billing; start with intake. Each package says which
topics it subscribes to and publishes, and which tables it alone writes. Rooms of a capability, each of which imports
only rooms further down:

  routes, commands   its HTTP and its command line
  service            a use case: load, decide, apply; ``records`` builds what is recorded, announced and logged
  adapters, store    an outside system that only this capability uses; SQL: one function, one literal statement
  domain             what decides: pure values and functions
"""

VERSION = "1.0.0"
