"""The words of before: each runs the command of today, with a notice."""

import pytest

from leadgen import cli
from leadgen.cli import groups, old_words
from leadgen.cli.groups import Group

# Every command of before, and each of its forms, beside what it is now.
FORMER = [
    ("apply f.yaml", "config apply f.yaml"),
    ("plan f.yaml g.yaml", "config plan f.yaml g.yaml"),
    ("export --to x", "config export --to x"),
    ("schema", "config schema"),
    ("history 7", "config history 7"),
    ("rollback 7 --plan", "config rollback 7 --plan"),
    ("preview-delivery --buyer a@b.example", "delivery preview --buyer a@b.example"),
    ("pay", "payment list"),
    ("pay --buyer 3", "payment list --buyer 3"),
    ("pay --buyer=3", "payment list --buyer=3"),
    ("pay INV-1 45.00 --method check", "payment record INV-1 45.00 --method check"),
    ("pay --key k INV-1 45.00", "payment record --key k INV-1 45.00"),
    ("pay INV-1 --from-wallet", "wallet pay INV-1"),
    ("pay --undo 7 --reason bounced", "payment undo 7 --reason bounced"),
    ("pay --reason bounced --undo=7", "payment undo 7 --reason bounced"),
    ("pay --help", "payment --help"),
    ("top-up 3 60", "wallet top-up 3 60"),
    ("refund 7 45.00 --reason x", "refund create 7 45.00 --reason x"),
    ("refund --reason x 7 45.00", "refund create --reason x 7 45.00"),
    ("write-off INV-1 --undo --reason x", "invoice write-off INV-1 --undo --reason x"),
    ("return", "return list"),
    ("return 17 --reason spam --note x", "return create 17 --reason spam --note x"),
    ("return --reason spam --note x 17", "return create --reason spam --note x 17"),
    ("return --approve 3 --note x", "return approve 3 --note x"),
    ("return --reject 3 --note x", "return reject 3 --note x"),
    ("return --file f.csv", "return import f.csv"),
    ("return --rates --since 9d", "return rates --since 9d"),
    ("credit", "credit-note list"),
    ("credit INV-1 17 18 --note x", "credit-note create INV-1 17 18 --note x"),
    ("credit -h", "credit-note --help"),
    ("dispute", "dispute list"),
    ("dispute INV-1 --reason x", "dispute open INV-1 --reason x"),
    ("dispute --close 4 --outcome upheld --reason x", "dispute close 4 --outcome upheld --reason x"),
    ("buyer-token 3 --days 9", "buyer token 3 --days 9"),
    ("decide-again --all", "verify-decisions --all"),
    ("decide-again 17", "verify-decisions 17"),
    ("review", "review list"),
    ("review 3f2a", "review show 3f2a"),
    ("review 3f2a redeliver", "review redeliver 3f2a"),
    ("review 3f2a assign --buyer 3", "review assign 3f2a --buyer 3"),
    ("review --buyer 3 --reason x 3f2a assign", "review assign 3f2a --buyer 3 --reason x"),
    ("review dead return", "review return dead"),
    ("review 3f2a reject --reason x", "review reject 3f2a --reason x"),
    ("review 3f2a taken", "review succeeded 3f2a"),
    ("review --lead 17 release", "review release 17"),
    ("review release --lead 17", "review release 17"),
    ("review 17 release", "review release 17"),
    ("review --lead 17 reject --reason x", "review reject --lead 17 --reason x"),
    ("endpoints", "endpoint list"),
    ("endpoints --open 3", "endpoint reset 3"),
    ("suppress add f.txt --kind phone", "suppression add f.txt --kind phone"),
    ("suppress remove f.txt", "suppression remove f.txt"),
    ("suppress count", "suppression count"),
    ("disposable block a.example", "email-domain block a.example"),
    ("disposable allow a.example", "email-domain allow a.example"),
    ("disposable forget a.example", "email-domain reset a.example"),
    ("disposable list", "email-domain list"),
    ("payouts run --dry-run", "payout run --dry-run"),
    ("payouts list", "payout list"),
    ("payouts show PO-1", "payout show PO-1"),
    ("payouts paid PO-1 --reference x", "payout mark-paid PO-1 --reference x"),
    ("subscribe https://x.example --events *", "subscription create https://x.example --events *"),
    ("subscriptions --all", "subscription list --all"),
    ("unsubscribe 4", "subscription delete 4"),
    ("rotate-secret 4", "subscription rotate-secret 4"),
    ("listen --fail 1", "event listen --fail 1"),
    ("trigger lead.billed", "event trigger lead.billed"),
    ("replay 3f2a", "delivery replay 3f2a"),
    ("recover b@x.example --since 6h", "delivery replay --buyer b@x.example --since 6h"),
    ("recover --since 6h b@x.example", "delivery replay --buyer b@x.example --since 6h"),
    ("recover --resume 5", "delivery replay --resume 5"),
    ("recover --stop 5", "delivery replay --stop 5"),
    ("audit --json", "ledger audit --json"),
    ("document invoice INV-1 --format ubl", "invoice download INV-1 --format ubl"),
    ("document -o x.pdf credit-note CN-1", "credit-note download CN-1 -o x.pdf"),
    ("document payout PO-1", "payout download PO-1"),
    ("statement 3 --format pdf -o x.pdf", "buyer statement 3 --format pdf -o x.pdf"),
    ("aging --csv", "invoice aging --csv"),
    ("journal --from 2026-06-01 --to 2026-06-30", "ledger journal --from 2026-06-01 --to 2026-06-30"),
    ("export-invoices --from 2026-06-01 --to 2026-06-30", "invoice export --from 2026-06-01 --to 2026-06-30"),
]
UNCHANGED = [
    *(f"invoice {action}" for action in ("run", "list", "show INV-1", "approve 3", "cancel 3", "promise 3 --none")),
    "explain 17",
    "simulate --since 30d",
    "review --help",
    "review list",
    "review assign 3f2a --buyer 3",
    "review lst",
    "return --help",
    "return list",
    "return create 17 --rates",
    "return approve 3 --file x",
    "refund",
    "refund create 7 45.00 --reason x",
    "refund --help",
    "dispute open INV-1 --reason x",
    "dispute opne",
    "dispute open INV-1 --close 4",
    "dispute --help",
    "no-such",
]


@pytest.mark.parametrize(("before", "now"), FORMER, ids=[before for before, _ in FORMER])
def test_a_command_of_before_is_one_of_today(before: str, now: str) -> None:
    renamed = old_words.renamed(before.split())
    assert renamed is not None
    assert " ".join([renamed.now, *renamed.rest]) == now
    name, *rest = now.split()
    entry = groups.entry(name)
    assert entry is not None
    assert not isinstance(entry, Group) or rest == ["--help"] or entry.command(rest[0]) is not None


@pytest.mark.parametrize("words", UNCHANGED)
def test_words_of_today_and_unknown_ones_stay(words: str) -> None:
    assert old_words.renamed(words.split()) is None


@pytest.mark.parametrize(
    ("arguments", "notice"),
    [
        (["schema"], "leadgen: 'schema' is now 'leadgen config schema'\n"),
        (["decide-again", "--help"], "leadgen: 'decide-again' is now 'leadgen verify-decisions'\n"),
        (["pay", "-h"], "leadgen: 'pay' is now 'leadgen payment'\n"),
    ],
)
def test_it_runs_with_one_notice_on_stderr(
    arguments: list[str], notice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == cli.DONE
    printed = capsys.readouterr()
    assert printed.out
    assert printed.err == notice
