"""What applying configuration changed, or would change, as it is printed."""

from collections.abc import Iterator, Sequence

from leadgen.configuration.service.changes import Application, Change, summary

_SIGNS = {"created": "+", "updated": "~", "new version": "~", "deactivated": "-"}


def show(application: Application, *, plan: bool) -> None:
    """Print the changes, field by field, and what they come to."""
    for line in lines(application.changes):
        print(line)
    print(*totals(application, plan=plan), sep="\n")


def lines(changes: Sequence[Change]) -> Iterator[str]:
    """Each object that changed, and under it each of its fields that did."""
    for change in changes:
        if change.outcome != "unchanged":
            detail = change.detail if change.outcome != "deactivated" else "deactivated"
            yield f"{_SIGNS[change.outcome]} {change.kind} {', '.join(filter(None, (change.name, detail)))}"
            yield from (f"    {difference}" for difference in change.differences)


def totals(application: Application, *, plan: bool) -> list[str]:
    """How many objects became what, how many leads may now find a buyer, and what was not touched."""
    return [*_totals(application, plan=plan), *_unnamed(application)]


def _unnamed(application: Application) -> Iterator[str]:
    for offer in application.unnamed:
        yield f"The offer {offer} stays active, though no file names it: to end it, name it with is_active: false."


def _totals(application: Application, *, plan: bool) -> list[str]:
    if not application.has_changes:
        count = len(application.changes)
        return [f"Nothing {'would change' if plan else 'changed'}: all {count} are as they are to be."]
    lines = ["", f"{'Planned' if plan else 'Applied'}: {summary(application.changes)}."]
    waiting = application.waiting_leads
    if waiting:
        leads = "1 waiting lead" if waiting == 1 else f"{waiting} waiting leads"
        lines.append(f"{leads} {'would' if plan else 'will'} be tried again.")
    if application.number is not None and not plan:
        lines.append(f"Version {application.number} of the configuration.")
    return lines
