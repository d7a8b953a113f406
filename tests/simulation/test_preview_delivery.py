"""`leadgen delivery preview`: what it shows, of a file and of what is configured, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.service.apply import apply_files
from tests.support.configurations import changed, written
from tests.support.factories import a_lead, a_source

Run = Callable[..., tuple[int, str, str]]

DELIVERY = """delivery:
          schedule: [5, 3600]
          format:
            type: json
            fields: {who.first: first_name, who.phone: {from: phone, phone: national}, job: attributes.job, cost: price}
          answer:
            type: json
            accepted_when: [{path: ok, equals: true}]
            rejected_when: [{path: ok, equals: false}]
            reference: id
            reason: why"""
MAPPED = changed(("capacity_per_day: 3", DELIVERY))
GREEN = ("--buyer", "green@example.com")
SIGNED = "(made with the secret when it is sent)"


@pytest.fixture
def run(environment: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command; its status, and what it said on both."""

    def command(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["delivery", "preview", *arguments])
        said = capfdbinary.readouterr()
        return status, said.out.decode(), said.err.decode()

    return command


def body_of(out: str) -> Any:
    return json.loads(out[out.index("\n{\n") :])


def test_a_file_is_shown_before_it_is_applied_and_without_a_database(
    run: Run, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    with environment.context() as nowhere:
        nowhere.delenv("DATABASE_URL")
        nowhere.setenv("LEADGEN_STATE", str(tmp_path / "no-stack"))
        status, out, err = run("--file", str(written(tmp_path, MAPPED)), *GREEN)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:4] == [
        "Green Gardens in Lawns, Springfield",
        "Attempts: at once, and after each failure: 5 s, 3,600 s",
        "",
        "POST https://green.example.com/leads",
    ]
    assert "Content-Type: application/json" in lines
    assert {f"X-Webhook-Signature: {SIGNED}", f"webhook-signature: {SIGNED}"} <= set(lines)
    assert "a-secret-of-green-gardens" not in out
    assert body_of(out) == {"who": {"first": "Jane", "phone": "(212) 555-0123"}, "job": "an example", "cost": 50.00}
    assert '  "cost": 50.00' in lines


def test_what_is_configured_is_shown_with_a_stored_lead(conn: Connection[Any], run: Run, tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path, MAPPED)], {})
    offer_id = conn.execute("SELECT id FROM offers").fetchone()
    assert offer_id is not None
    lead = a_lead(
        conn, a_source(conn, offer_id[0]), name="Zoë\x1b[2J\x9b Ünal", phone="+13035550123", attributes='{"job": "sod"}'
    )
    status, out, _ = run(*GREEN, "--lead", str(lead))
    assert status == 0
    assert '    "first": "Zoë\\u001b[2J\\u009b",' in out.splitlines()
    assert body_of(out) == {"who": {"first": "Zoë\x1b[2J\x9b", "phone": "(303) 555-0123"}, "job": "sod", "cost": 50.00}
    expected = '{"who":{"first":"Zoë\\u001b[2J\x9b","phone":"(303) 555-0123"},"job":"sod","cost":50.00}'
    assert run(*GREEN, "--lead", str(lead), "--raw") == (0, expected, "")
    # A draft of the terms is tried on the same lead.
    draft = written(tmp_path, MAPPED.replace("job: attributes.job", "work: attributes.job"), "draft.yaml")
    assert body_of(run(*GREEN, "--lead", str(lead), "--file", str(draft))[1])["work"] == "sod"


def test_a_buyer_without_a_format_gets_the_specified_payload(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--file", str(written(tmp_path)), "--buyer", "Blue@Example.com")
    assert status == 0
    assert "No webhook: its leads are sent by e-mail. A webhook would receive:" in out
    assert SIGNED not in out
    assert body_of(out)["event"] == "lead.delivered"


@pytest.mark.parametrize(
    ("delivery", "shown"),
    [
        ("{type: form, fields: {a b: name, c: utm_medium}}", ["a b = Jane van Example", "c = cpc"]),
        (
            "{type: xml, fields: {a: {'@x': city, b: name}, c: attributes.no}}",
            [
                "<lead>",
                '  <a x="Exampleville">',
                "    <b>Jane van Example</b>",
                "  </a>",
                "  <c>an example</c>",
                "</lead>",
            ],
        ),
        ("{type: adf, vendor: V}", ['<?ADF version="1.0"?>', "<adf>", '  <prospect status="new">']),
    ],
)
def test_each_format_is_laid_out_for_reading(run: Run, tmp_path: Path, delivery: str, shown: list[str]) -> None:
    file = written(tmp_path, changed(("capacity_per_day: 3", f"delivery: {{format: {delivery}}}")))
    lines = run("--file", str(file), *GREEN)[1].splitlines()
    first = lines.index(shown[0])
    assert lines[first : first + len(shown)] == shown


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('200 {"ok": true, "id": 7}', "200 counts as succeeded: the lead is billed; the buyer's reference is 7"),
        (
            '200 {"ok": false, "why": "duplicate"}',
            "200 counts as rejected by the buyer (duplicate): the lead is not billed, and the policy decides what "
            "follows.",
        ),
        (
            "200 thanks",
            "200 counts as outcome unknown (the answer is not JSON): the delivery is retried at this buyer, and then "
            "waits in review.",
        ),
        ("503", "503 counts as failed (status 503): it is retried on schedule."),
        ("410 gone", "410 counts as failed for good (status 410): the endpoint is not called again."),
    ],
)
def test_an_answer_can_be_tried(run: Run, tmp_path: Path, answer: str, told: str) -> None:
    status, out, _ = run("--file", str(written(tmp_path, MAPPED)), *GREEN, "--answer", answer)
    assert status == 0
    assert out.splitlines()[-1] == f"The answer {told}"


def test_what_is_not_there_is_told_with_what_there_is(conn: Connection[Any], run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, MAPPED)
    assert run(*GREEN)[1:] == ("", "there is no buyer green@example.com: name one by its id or its e-mail address\n")
    apply_files(conn, [file], {})
    assert run(*GREEN, "--lead", "999")[1:] == ("", "there is no lead 999\n")
    assert run(*GREEN, "--offer", "Hedges")[::2] == (
        1, "Green Gardens is enrolled in 'Lawns' in 'Springfield': 'Hedges' is not among them\n",
    )  # fmt: skip
    assert run("--file", str(file), "--buyer", "red@example.com")[::2] == (
        1, f"{file} has no buyer red@example.com; there are green@example.com, blue@example.com\n",
    )  # fmt: skip


def test_a_file_with_a_fault_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, MAPPED.replace("who.first: first_name", "who.first: first"))
    status, out, err = run("--file", str(file), *GREEN)
    assert (status, out) == (1, "")
    assert f"{file}:49: buyers[0].offers[0].delivery.format.fields.who.first: first is no field of a lead" in err


def test_stored_terms_that_do_not_parse_any_more_are_told(conn: Connection[Any], run: Run, tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path, MAPPED)], {})
    conn.execute("""UPDATE buyer_offers SET delivery = '{"format": {"type": "csv"}}' WHERE delivery IS NOT NULL""")
    status, _, err = run(*GREEN)
    assert status == 1
    assert err.startswith("the delivery of Green Gardens in Lawns: format.type: ")


def test_where_a_buyer_is_in_several_offers_one_must_be_named(conn: Connection[Any], run: Run, tmp_path: Path) -> None:
    elsewhere = changed(
        ("name: Springfield", "name: Shelbyville"),
        ("source_key: lawns-web", "source_key: shelbyville-web"),
        ("source_key: lawns-partner", "source_key: shelbyville-partner"),
        ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
    )
    apply_files(conn, [written(tmp_path), written(tmp_path, elsewhere, "other.yaml")], {})
    assert run(*GREEN)[::2] == (
        1,
        "Green Gardens is enrolled in 'Lawns' in 'Shelbyville', 'Lawns' in 'Springfield': say which with --offer and "
        "--market\n",
    )
    assert run(*GREEN, "--market", "Shelbyville")[1].startswith("Green Gardens in Lawns, Shelbyville\n")
