"""The ``leadgen`` command. Each module of ``GROUPS`` adds some commands: parsers, and the functions that run them.

A command's function takes the parsed options and answers the process's exit status.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from leadgen import VERSION
from leadgen.access import commands as access_commands
from leadgen.configuration.commands import configuration, history
from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.explanation.commands import explain
from leadgen.invoicing.commands import invoices
from leadgen.notifications.commands import listen, replay, subscriptions
from leadgen.outbound import commands as outbound_commands
from leadgen.payments import commands as payments_commands
from leadgen.publishers import commands as publishers_commands
from leadgen.receivables.commands import credit_notes
from leadgen.reconciliation import commands as reconciliation_commands
from leadgen.reporting import commands as reporting_commands
from leadgen.returns import commands as returns_commands
from leadgen.review import commands as review_commands
from leadgen.simulation.commands import delivery_preview, simulate
from leadgen.terminal.command import CHANGES, DONE, ENOUGH, FAILED, STOPPED, CommandFailed
from leadgen.validation import commands as validation_commands

__all__ = ["CHANGES", "DONE", "ENOUGH", "FAILED", "STOPPED", "main"]

GROUPS = (
    configuration,
    delivery_preview,
    history,
    invoices,
    payments_commands,
    returns_commands,
    credit_notes,
    access_commands,
    explain,
    review_commands,
    outbound_commands,
    simulate,
    validation_commands,
    publishers_commands,
    subscriptions,
    listen,
    replay,
    reconciliation_commands,
    reporting_commands,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit status: 0 done, 1 failed, 2 used wrongly (or a plan with changes), 130
    stopped by Ctrl-C, 141 where nobody reads its output any more.
    """
    parser = argparse.ArgumentParser(prog="leadgen", description="Operate a LeadGen marketplace.")
    parser.add_argument("--version", action="version", version=f"leadgen {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (CommandFailed, ConfigurationInvalid) as failure:
        print(failure, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(file=sys.stderr)  # the shell's next line is one of its own
        return STOPPED
    except BrokenPipeError:
        # Whoever read along, such as `head`, has enough. What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENOUGH
    return status
