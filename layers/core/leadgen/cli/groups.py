"""Every command of ``leadgen``: its name, a line of help, and the function that describes it, written as
``module:function`` so that a start imports the module of one command only.

Such a function is given the command's own ArgumentParser. It adds arguments, sets the help page with
``terminal.command.describe``, and sets ``run``: a function from the parsed options to the process's exit status.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """A command; ``place`` names the function that describes it."""

    name: str
    help: str
    place: str


class Group(NamedTuple):
    """The commands of one resource."""

    name: str
    help: str
    commands: tuple[Command, ...]

    def command(self, name: str) -> Command | None:
        """Its command of this name."""
        return next((command for command in self.commands if command.name == name), None)


class Section(NamedTuple):
    """Entries of ``leadgen --help`` under one heading."""

    title: str
    entries: tuple[Group | Command, ...]


_EXPLAIN = Command(
    "explain",
    "Show what was decided about a lead, and why",
    "leadgen.explanation.commands.explain:explain_command",
)
_SHOW_DELIVERY = Command("show", "Show a delivery and its attempts", "leadgen.delivery.commands:show_command")

_REVIEW = "leadgen.review.commands"
_RETURNS = "leadgen.returns.commands"
_LISTS = "leadgen.suppression.commands"
_DOMAINS = "leadgen.validation.commands"
_LEADS = Section(
    "Leads",
    (
        _EXPLAIN,
        Group("lead", "Commands on one lead: explain", (_EXPLAIN,)),
        Group(
            "review",
            "Decide about leads and deliveries that wait for a person",
            (
                Command("list", "List the deliveries and leads that wait for a person", f"{_REVIEW}:list_command"),
                _SHOW_DELIVERY,
                Command("release", "Let a lead that is in review go on", f"{_REVIEW}:release_command"),
                Command("reject", "Reject the lead: no buyer gets it, nobody is charged", f"{_REVIEW}:reject_command"),
                Command("redeliver", "Send the delivery to its buyer again", f"{_REVIEW}:redeliver_command"),
                Command("assign", "Offer the lead to one other buyer", f"{_REVIEW}:assign_command"),
                Command("return", "Offer the lead to all the other buyers", f"{_REVIEW}:return_command"),
                Command(
                    "succeeded", "Confirm that the buyer has the lead, and bill it", f"{_REVIEW}:succeeded_command"
                ),
            ),
        ),
        Group(
            "return",
            "Return sold leads, and decide about returns of buyers",
            (
                Command("list", "List the returns that wait for a decision", f"{_RETURNS}:list_command"),
                Command("create", "Return a lead, as an operator", f"{_RETURNS}:create_command"),
                Command("import", "Return the leads of a CSV file", f"{_RETURNS}:import_command"),
                Command("approve", "Approve a return: the buyer is not charged", f"{_RETURNS}:approve_command"),
                Command("reject", "Reject a return: the buyer is charged", f"{_RETURNS}:reject_command"),
                Command("rates", "Show which share of the sold leads was returned", f"{_RETURNS}:rates_command"),
            ),
        ),
        Group(
            "suppression",
            "Keep lists of people whose leads are rejected",
            (
                Command("add", "Add people to a suppression list", f"{_LISTS}:add_command"),
                Command("remove", "Remove people from a suppression list", f"{_LISTS}:remove_command"),
                Command("count", "Count the entries of each list", f"{_LISTS}:count_command"),
            ),
        ),
        Group(
            "email-domain",
            "Override which e-mail domains count as disposable",
            (
                Command("block", "Treat e-mail domains as disposable", f"{_DOMAINS}:block_command"),
                Command("allow", "Treat e-mail domains as regular", f"{_DOMAINS}:allow_command"),
                Command("reset", "Follow the built-in list again for these domains", f"{_DOMAINS}:reset_command"),
                Command("list", "List the domains that differ from the built-in list", f"{_DOMAINS}:list_command"),
            ),
        ),
    ),
)

_SUBSCRIPTIONS = "leadgen.notifications.commands.subscriptions"
_EVENTS = "leadgen.notifications.commands.listen"
_DELIVERY = Section(
    "Delivery",
    (
        Group(
            "delivery",
            "Show, preview and replay deliveries to buyers",
            (
                _SHOW_DELIVERY,
                Command(
                    "preview",
                    "Show the request a buyer would receive",
                    "leadgen.simulation.commands.delivery_preview:preview_command",
                ),
                Command(
                    "replay",
                    "Send a delivery, or all of a time, to the buyer's webhook again",
                    "leadgen.notifications.commands.replay:replay_command",
                ),
            ),
        ),
        Group(
            "endpoint",
            "See the URLs that are called, and close their circuits",
            (
                Command("list", "List the URLs that are called", "leadgen.outbound.commands:list_command"),
                Command(
                    "reset", "Close an endpoint's circuit: call it again", "leadgen.outbound.commands:reset_command"
                ),
            ),
        ),
        Group(
            "subscription",
            "Post events to URLs",
            (
                Command("create", "Post events to a URL", f"{_SUBSCRIPTIONS}:create_command"),
                Command(
                    "list", "List subscriptions and the state of their endpoints", f"{_SUBSCRIPTIONS}:list_command"
                ),
                Command("delete", "End a subscription", f"{_SUBSCRIPTIONS}:delete_command"),
                Command(
                    "rotate-secret",
                    "Give a subscription a new signing secret",
                    f"{_SUBSCRIPTIONS}:rotate_secret_command",
                ),
            ),
        ),
        Group(
            "event",
            "Try out a receiver of events",
            (
                Command("listen", "Receive events on this machine, verify and print them", f"{_EVENTS}:listen_command"),
                Command("trigger", "Send a trial event to its subscribers", f"{_EVENTS}:trigger_command"),
            ),
        ),
    ),
)

_ACCOUNTS = "leadgen.reporting.commands.accounts"
_DOWNLOADS = "leadgen.reporting.commands.downloads"
_EXPORTS = "leadgen.reporting.commands.exports"
_WALLET = "leadgen.payments.commands.wallet"
_PAYMENTS = "leadgen.payments.commands.payments"
_INVOICES = "leadgen.invoicing.commands.invoices"
_CREDIT_NOTES = "leadgen.receivables.commands.credit_notes"
_DISPUTES = "leadgen.receivables.commands.disputes"
_PAYOUTS = "leadgen.publishers.commands"
_MONEY = Section(
    "Money",
    (
        Group(
            "buyer",
            "A buyer's API token and statement of account",
            (
                Command("statement", "Show what a buyer owed, paid and owes", f"{_ACCOUNTS}:statement_command"),
                Command("token", "Print an API token for a buyer", "leadgen.access.commands:token_command"),
            ),
        ),
        Group(
            "wallet",
            "Record prepaid money, and pay invoices with it",
            (
                Command("top-up", "Record money that a buyer prepaid", f"{_WALLET}:top_up_command"),
                Command("pay", "Pay an invoice from its buyer's wallet", f"{_WALLET}:pay_command"),
            ),
        ),
        Group(
            "invoice",
            "Issue, list and settle invoices",
            (
                Command("run", "Issue the invoices that are due", f"{_INVOICES}:run_command"),
                Command("list", "List invoices, and buyers whose invoices fail", f"{_INVOICES}:list_command"),
                Command("show", "Show an invoice with its lines and settlements", f"{_INVOICES}:show_command"),
                Command("approve", "Issue a draft", f"{_INVOICES}:approve_command"),
                Command("cancel", "Cancel a draft, or credit an issued invoice in full", f"{_INVOICES}:cancel_command"),
                Command("promise", "Record the day by which the buyer promises to pay", f"{_INVOICES}:promise_command"),
                Command(
                    "write-off",
                    "Write off what is due of an invoice",
                    "leadgen.receivables.commands.write_offs:write_off_command",
                ),
                Command("download", "Save an invoice as PDF or XML", f"{_DOWNLOADS}:invoice_command"),
                Command("export", "Export issued invoices as CSV", f"{_EXPORTS}:invoices_command"),
                Command("aging", "Show what is open, by days overdue", f"{_ACCOUNTS}:aging_command"),
            ),
        ),
        Group(
            "payment",
            "Record, list and undo payments of invoices",
            (
                Command("record", "Record a payment of an invoice", f"{_PAYMENTS}:record_command"),
                Command("list", "List payments", f"{_PAYMENTS}:list_command"),
                Command("undo", "Undo a payment that bounced or was a mistake", f"{_PAYMENTS}:undo_command"),
            ),
        ),
        Group(
            "refund",
            "Refund payments",
            (
                Command(
                    "create",
                    "Refund money of a payment",
                    "leadgen.payments.commands.refunds:create_command",
                ),
            ),
        ),
        Group(
            "credit-note",
            "Credit leads of issued invoices",
            (
                Command("create", "Credit leads of an invoice", f"{_CREDIT_NOTES}:create_command"),
                Command("list", "List credit notes", f"{_CREDIT_NOTES}:list_command"),
                Command("download", "Save a credit note as PDF or XML", f"{_DOWNLOADS}:credit_note_command"),
            ),
        ),
        Group(
            "dispute",
            "Open, list and close disputes of invoices",
            (
                Command("open", "Open a dispute of an invoice", f"{_DISPUTES}:open_command"),
                Command("list", "List disputes", f"{_DISPUTES}:list_command"),
                Command("close", "Close a dispute", f"{_DISPUTES}:close_command"),
            ),
        ),
        Group(
            "payout",
            "Issue what publishers have earned, and record that it was paid",
            (
                Command("run", "Issue the payouts that are due", f"{_PAYOUTS}:run_command"),
                Command("list", "List payouts", f"{_PAYOUTS}:list_command"),
                Command("show", "Show a payout, lead by lead", f"{_PAYOUTS}:show_command"),
                Command("mark-paid", "Record that a payout was transferred", f"{_PAYOUTS}:mark_paid_command"),
                Command("download", "Save a payout's statement as PDF", f"{_DOWNLOADS}:payout_command"),
            ),
        ),
        Group(
            "ledger",
            "Check the ledger, and export it",
            (
                Command("audit", "Check every invariant of the money", "leadgen.reconciliation.commands:audit_command"),
                Command("journal", "Export the ledger as CSV", f"{_EXPORTS}:journal_command"),
            ),
        ),
    ),
)

_FILES = "leadgen.configuration.commands.configuration"
_HISTORY = "leadgen.configuration.commands.history"
_TOOLS = Section(
    "Configuration and tools",
    (
        Group(
            "config",
            "Plan, apply and restore markets, offers, sources and buyers",
            (
                Command("plan", "Show what `leadgen config apply` would change", f"{_FILES}:plan_command"),
                Command("apply", "Create or update what YAML files describe", f"{_FILES}:apply_command"),
                Command("export", "Write the configuration as YAML files", f"{_FILES}:export_command"),
                Command("schema", "Print the JSON Schema of configuration files", f"{_FILES}:schema_command"),
                Command("history", "List the versions of the configuration", f"{_HISTORY}:history_command"),
                Command("rollback", "Restore an earlier version", f"{_HISTORY}:rollback_command"),
            ),
        ),
        Command(
            "simulate",
            "Decide recorded leads again under draft policies, and compare",
            "leadgen.simulation.commands.simulate:simulate_command",
        ),
        Command(
            "verify-decisions",
            "Check that recorded decisions can be reproduced",
            "leadgen.explanation.commands.explain:verify_decisions_command",
        ),
        Command(
            "completion",
            "Print a script that completes commands in bash or zsh",
            "leadgen.cli.completion:completion_command",
        ),
    ),
)

SECTIONS = (_LEADS, _DELIVERY, _MONEY, _TOOLS)


def entry(name: str) -> Group | Command | None:
    """The group or top-level command of this name."""
    return next((found for section in SECTIONS for found in section.entries if found.name == name), None)
