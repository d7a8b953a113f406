"""``leadgen email-domain``: which e-mail domains count as disposable, where it differs from the built-in list."""

import argparse
import re

from leadgen.terminal.command import DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment
from leadgen.validation.store import disposable_domains

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_ABOUT = (
    "An offer's validation policy may reject disposable e-mail addresses. LeadGen has a built-in list of disposable "
    "domains; these commands override it. An entry applies to subdomains too."
)


def block_command(parser: argparse.ArgumentParser) -> None:
    """Treat e-mail domains as disposable."""
    describe(
        parser,
        f"Treat these e-mail domains as disposable. {_ABOUT}",
        examples=["leadgen email-domain block mailinator.example throwaway.example"],
    )
    _domain_arguments(parser)
    parser.set_defaults(run=_block)


def allow_command(parser: argparse.ArgumentParser) -> None:
    """Treat e-mail domains as regular."""
    describe(
        parser,
        f"Treat these e-mail domains as regular, not disposable. {_ABOUT}",
        examples=["leadgen email-domain allow alumni.example"],
    )
    _domain_arguments(parser)
    parser.set_defaults(run=_allow)


def reset_command(parser: argparse.ArgumentParser) -> None:
    """Follow the built-in list again for these domains."""
    describe(
        parser,
        "Remove the entries of these e-mail domains: the built-in list decides about them again.",
        examples=["leadgen email-domain reset alumni.example"],
    )
    _domain_arguments(parser)
    parser.set_defaults(run=_reset)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List the domains that differ from the built-in list."""
    describe(
        parser,
        f"List the e-mail domains that are treated differently from the built-in list. {_ABOUT}",
        examples=["leadgen email-domain list"],
    )
    parser.set_defaults(run=_list)


def _domain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domains", nargs="+", metavar="DOMAIN", help="what stands after the @")


def _block(options: argparse.Namespace) -> int:
    return _override(options, is_disposable=True)


def _allow(options: argparse.Namespace) -> int:
    return _override(options, is_disposable=False)


def _override(options: argparse.Namespace, *, is_disposable: bool) -> int:
    domains = _domains(options)
    with connection(environment()) as conn:
        changed = disposable_domains.override(conn, domains, is_disposable=is_disposable)
    print(f"{changed} {'blocked' if is_disposable else 'allowed'}, {len(domains) - changed} already were.")
    return DONE


def _reset(options: argparse.Namespace) -> int:
    domains = _domains(options)
    with connection(environment()) as conn:
        changed = disposable_domains.remove_overrides(conn, domains)
    print(f"{changed} reset, {len(domains) - changed} had no entry.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = disposable_domains.overrides(conn)
    for override in found:
        print(f"{'blocked' if override.is_disposable else 'allowed'}  {override.domain}")
    if not found:
        print("No domain differs from the built-in list.")
    return DONE


def _domains(options: argparse.Namespace) -> list[str]:
    domains = [_ascii(text) for text in options.domains]
    wrong = [text for text, domain in zip(options.domains, domains, strict=True) if not _DOMAIN.fullmatch(domain)]
    if wrong:
        raise CommandFailed(f"no e-mail domain: {', '.join(map(repr, wrong))}: write what stands after the @")
    return sorted(set(domains))


def _ascii(text: str) -> str:
    try:
        return text.strip().lower().encode("idna").decode()
    except UnicodeError:
        return text
