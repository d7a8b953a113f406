"""The commands of money: what they do, what they say, and what they refuse."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.cli import DONE, FAILED, MISUSED, main
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer
from tests.support.money.after_sale import assert_books_agree, give_back, invoice_of, money_of, pay, set_policy
from tests.support.money.sold_leads import a_billed_lead, an_invoice, everything
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.reviews import audits


class Shell:
    """Commands run in this process; what they say."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def run(self, *arguments: str) -> str:
        """What a command that does its work says."""
        status = main(arguments)
        said = self.capsys.readouterr()
        assert (status, said.err) == (DONE, ""), said
        return said.out

    def fail(self, *arguments: str) -> str:
        """What a command that cannot says why."""
        assert main(arguments) == FAILED
        said = self.capsys.readouterr()
        assert said.out == ""
        return said.err


@pytest.fixture
def shell(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], conn: Connection[Any]
) -> Shell:
    monkeypatch.setenv("LEADGEN_ACTOR", "ann")
    return Shell(capsys)


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    offer = an_offer(conn, invoice_threshold="100000.00")
    set_policy(conn, offer)
    return offer


@pytest.fixture
def buyer(conn: Connection[Any], offer: int) -> int:
    buyer = a_buyer(conn, name="Ridge", email="ridge@example.com")
    an_enrollment(conn, buyer, offer)
    return buyer


def test_a_payment_is_recorded_listed_and_undone(conn: Connection[Any], shell: Shell, offer: int, buyer: int) -> None:
    assert shell.run("payment", "list") == "There are no payments.\n"
    invoice, _ = an_invoice(conn, offer, buyer, clock.now())
    arguments = ("payment", "record", "inv-000001", "50.00", "--method", "check", "--on", "2026-06-17",
                 "--reference", "no. 1077", "--key", "june")  # fmt: skip
    assert shell.run(*arguments) == "Payment 1: 45.00 to invoice INV-000001, 5.00 to the wallet; the invoice is paid.\n"
    assert shell.run(*arguments) == "Payment 1 is recorded under this key already: nothing is done.\n"
    listed = shell.run("payment", "list", "--buyer", "ridge@example.com").splitlines()
    assert " ".join(listed[1].split()) == "1 2026-06-17 00:00 1 INV-000001 check succeeded no. 1077 50.00 USD"
    assert listed[2] == "Owed 0.00 USD, prepaid 5.00 USD."
    assert shell.run("payment", "undo", "1", "--reason", "bounced") == "Payment 1 is undone; its invoice is sent.\n"
    assert "was undone before" in shell.run("payment", "undo", "1", "--reason", "bounced")
    assert [(row[0], row[4]["by"]) for row in audits(conn)] == [("payment.record", "ann"), ("payment.undo", "ann")]
    assert sent(conn, "notify") == [("payment.received", None)]
    assert invoice_of(conn, invoice) == ("sent", "45.00")
    assert_books_agree(conn)


def test_a_wallet_is_topped_up_pays_an_invoice_and_is_refunded(
    conn: Connection[Any], shell: Shell, offer: int, buyer: int
) -> None:
    an_invoice(conn, offer, buyer, clock.now())
    assert shell.run("wallet", "top-up", "ridge@example.com", "60") == "Payment 1: 60.00 to the wallet.\n"
    assert shell.run("wallet", "pay", "1") == "45.00 USD of the wallet paid; the invoice is paid, 15.00 USD left.\n"
    assert (
        shell.run("refund", "create", "1", "15", "--reason", "asked for", "--key", "r")
        == "Refund 1 of 15.00 USD is paid.\n"
    )
    assert "is recorded under this key already, succeeded" in shell.run(
        "refund", "create", "1", "15", "--reason", "asked for", "--key", "r"
    )
    assert money_of(conn, buyer) == ("0.00", "0.00")
    assert_books_agree(conn)


def test_what_cannot_be_is_said_and_nothing_is_posted(
    conn: Connection[Any], shell: Shell, offer: int, buyer: int
) -> None:
    an_invoice(conn, offer, buyer, clock.now())
    pay(conn, buyer, "10.00", clock.now())
    before = everything(conn)
    for arguments, why in (
        (("payment", "record", "INV-000001", "45.005"), "amount: must have at most 2 decimals in USD"),
        (("payment", "record", "INV-000001", "0"), "amount: must be an amount above 0"),
        (("payment", "record", "INV-000001", "1e3"), "amount: must be an amount above 0"),
        (("payment", "record", "INV-000009", "45"), "there is no invoice INV-000009"),
        (("payment", "record", "INV-000001", "45", "--on", "someday"), "--on: must be a day"),
        (("payment", "undo", "9", "--reason", "x"), "there is no payment 9"),
        (("wallet", "top-up", "nobody@example.com", "45"), "there is no buyer nobody@example.com"),
        (("refund", "create", "1", "10.01", "--reason", "x"), "of payment 1, 10.00 USD is left to be given back"),
        (("refund", "create", "9", "1", "--reason", "x"), "there is no payment 9"),
        (("invoice", "write-off", "INV-000001", "--undo", "--reason", "x"), "is not written off"),
        (("credit-note", "create", "INV-000001"), "lead_ids: must have at least 1 entry"),
        (("credit-note", "create", "INV-000001", "99"), "not on invoice INV-000001: lead 99"),
        (("dispute", "close", "1", "--outcome", "upheld", "--reason", "x"), "there is no dispute 1"),
        (("return", "create", "1", "--reason", "other"), "an operator who gives a lead back says why"),
        (("return", "create", "1", "--reason", "because", "--note", "x"), "reason: "),
        (("return", "create", "99", "--reason", "other", "--note", "x"), "there is no lead 99"),
        (("return", "approve", "1", "--note", "x"), "there is no return 1"),
        (("buyer", "token", "1", "--days", "400"), "--days must be from 1 to 366"),
    ):
        assert why in shell.fail(*arguments), arguments
    assert everything(conn) == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("payment", "record", "INV-000001"), "AMOUNT"),
        (("wallet", "pay", "INV-000001", "45"), "unrecognized arguments: 45"),
        (("payment", "undo", "1"), "--reason"),
        (("dispute", "open", "INV-000001"), "--reason"),
        (("dispute", "close", "1", "--reason", "x"), "--outcome"),
        (("return", "reject", "1"), "--note"),
        (("return", "create", "1", "--rates"), "unrecognized arguments: --rates"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_lacks_an_argument_is_wrong_use(
    arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == MISUSED
    assert why in capsys.readouterr().err


def test_leads_are_given_back_by_hand_and_what_waits_is_decided(
    conn: Connection[Any], shell: Shell, offer: int, buyer: int
) -> None:
    now = clock.now()
    assert shell.run("return", "list") == "No return waits for a decision.\n"
    _, (lead,) = an_invoice(conn, offer, buyer, now)
    said = shell.run("return", "create", str(lead), "--reason", "spam", "--note", "it is")
    assert said == f"Lead {lead} is returned: 45.00 USD (credit note CN-000001).\n"
    first, second = (a_billed_lead(conn, offer, buyer, now) for _ in range(2))
    conn.execute("UPDATE leads SET delivered_at = delivered_at")
    conn.execute("UPDATE deliveries SET settled_at = %s", (now,))
    for one in (first, second):
        give_back(conn, one, now, buyer=buyer, note="never asked")
    listed = shell.run("return", "list").splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [
        ["2", str(first), "Ridge", f"({buyer})"], ["3", str(second), "Ridge", f"({buyer})"],
    ]  # fmt: skip
    assert shell.run("return", "approve", "2", "--note", "so it is") == f"Lead {first} is returned: 45.00 USD.\n"
    assert "is returned already" in shell.run("return", "approve", "2", "--note", "so it is")
    assert "is not returned" in shell.run("return", "reject", "3", "--note", "it is not")
    assert "is approved already, by ann" in shell.fail("return", "reject", "2", "--note", "x")
    rates = shell.run("return", "rates").splitlines()
    assert rates[1].split() == ["Ridge", f"({buyer})", "3", "2", "0", "1", "66.7", "%", "90.00", "USD"]
    assert_books_agree(conn)


def test_a_file_of_leads_is_given_back_line_by_line(
    conn: Connection[Any], shell: Shell, offer: int, buyer: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = a_source(conn, offer)
    leads = [a_billed_lead(conn, offer, buyer, clock.now(), source_id=source) for _ in range(2)]
    file = tmp_path / "returns.csv"
    file.write_text(
        "\ufefflead_id,reason,note\r\n"
        f"{leads[0]},spam,\"it is, all of it\"\r\n"
        "x,spam,it is\r\n"
        f"{leads[0]},spam,again\r\n"
        "\r\n"
        f"{leads[1]},because,it is\r\n"
        f"{leads[1]},other\r\n"
        f"{leads[1]},other,\"a \x1b[31mred\nnote\"\r\n"
        "4711,spam,unknown\r\n"
    )  # fmt: skip
    assert main(["return", "import", str(file)]) == FAILED
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"line 2: Lead {leads[0]} is returned: 45.00 USD."
    assert said[1] == "line 3: not done: lead_id: 'x' is no lead's id"
    assert said[2] == f"line 4: not done: lead {leads[0]} is given back already, or its return waits"
    assert said[3].startswith("line 6: not done: reason: ")
    assert said[4] == "line 7: not done: note: an operator who gives a lead back says why"
    assert said[5] == f"line 9: Lead {leads[1]} is returned: 45.00 USD."
    assert said[6] == "line 10: not done: there is no lead 4711"
    assert said[7] == "2 of 7 leads are returned."
    assert_books_agree(conn)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the first line must be"),
        (b"lead,why\n1,spam\n", "the first line must be"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
        (b"lead_id,reason,note\n" + b"1,spam,x\n" * 10_001, "at most 10,000 at once"),
    ],
    ids=["empty", "other columns", "no UTF-8", "no file", "too long"],
)
def test_a_file_that_is_none_is_refused_whole(
    conn: Connection[Any], shell: Shell, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "returns.csv"
    if content is not None:
        file.write_bytes(content)
    assert why in shell.fail("return", "import", str(file))


def test_an_invoice_is_credited_disputed_and_written_off(
    conn: Connection[Any], shell: Shell, offer: int, buyer: int
) -> None:
    _, (first, _) = an_invoice(conn, offer, buyer, clock.now(), "45.00", "20.00")
    assert shell.run("credit-note", "create", "INV-000001", str(first), "--note", "a wrong price") == (
        "Credit note CN-000001 of 45.00 USD: 45.00 USD off what is due, 0.00 USD to the wallet.\nThe invoice is sent.\n"
    )
    assert "CN-000001  INV-000001" in shell.run("credit-note", "list")
    assert shell.run("dispute", "open", "INV-000001", "--reason", "too much") == (
        "Dispute 1 of invoice INV-000001 is open; the invoice is disputed.\n"
    )
    assert "too much" in shell.run("dispute", "list")
    assert "wait for the end of that" in shell.fail("invoice", "write-off", "INV-000001", "--reason", "insolvent")
    closing = ("dispute", "close", "1", "--outcome", "rejected", "--reason", "it is right")
    assert shell.run(*closing) == "Dispute 1 of invoice INV-000001 is closed, rejected; the invoice is sent.\n"
    assert "is closed, rejected already; the" in shell.run(*closing)
    assert shell.run("invoice", "write-off", "INV-000001", "--reason", "insolvent") == (
        "20.00 USD of invoice INV-000001 is written off: it is cancelled.\n"
    )
    assert "is owed again: it is sent" in shell.run(
        "invoice", "write-off", "INV-000001", "--undo", "--reason", "it pays"
    )
    assert_books_agree(conn)


def test_a_buyers_token_is_good_for_its_buyer_and_for_its_time(
    conn: Connection[Any], shell: Shell, buyer: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claims = tokens.verify(SECRET_KEY, shell.run("buyer", "token", "ridge@example.com", "--days", "2").strip())
    assert (claims.role, claims.buyer_id) == ("buyer", buyer)
    ((action, _, resource_id, _, after, _),) = audits(conn)
    assert (action, resource_id, after) == ("buyer.token", buyer, {"days": 2, "by": "ann"})
    # Without SECRET_KEY it is the embedded stack's that runs here.
    with monkeypatch.context() as elsewhere:
        elsewhere.delenv("SECRET_KEY")
        elsewhere.setenv("LEADGEN_STATE", str(tmp_path))
        assert "no key to sign with" in shell.fail("buyer", "token", str(buyer))
        (tmp_path / "secret_key").write_text(SECRET_KEY + "\n")
        token = shell.run("buyer", "token", str(buyer)).strip()
    assert tokens.verify(SECRET_KEY, token).buyer_id == buyer
