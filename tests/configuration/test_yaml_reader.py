"""Reading YAML: every value as text, with its line; the environment's values in their places."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.yaml_reader import Document


def parse(text: str, **environ: str) -> Document:
    return yaml_reader.parse(text, "a.yaml", environ)


def problems(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


@pytest.mark.parametrize("written", ["07030", "0o17", "45.10", "1e3", "1_000", "yes", "NO", "2099-01-01", "12:30:00"])
def test_what_yaml_would_take_for_a_number_a_flag_or_a_date_stays_as_written(written: str) -> None:
    assert parse(f"field: {written}").value == {"field": written}


@pytest.mark.parametrize("written", ["", "~", "null", "# only a comment"])
def test_an_empty_value_is_an_absent_one(written: str) -> None:
    document = parse(f"market:\n  company: {written}\n  name: Springfield\n")
    assert document.value == {"market": {"name": "Springfield"}}
    assert document.line(("market", "company")) == 2


def test_every_field_and_entry_knows_its_line() -> None:
    document = parse("a:\n  b: [1,\n      2]\n  c:\n    - d: x\n    - d: y\n")
    assert document.line(("a", "b", 1)) == 3
    assert document.line(("a", "c", 1, "d")) == 6
    assert str(document.problem(("a", "c", 1, "d"), "is wrong")) == "a.yaml:6: a.c[1].d: is wrong"


def test_a_field_that_is_not_there_is_told_at_what_is_around_it() -> None:
    document = parse("a: 1\nb:\n  c: 2\n")
    assert document.line(("b", "missing")) == 2
    assert document.line(("b", "variant-of-a-union", "c")) == 3


def test_a_variable_is_taken_from_the_environment() -> None:
    document = parse("url: ${SINK}/buyers/${NAME:-green}\n", SINK="http://127.0.0.1:9")
    assert document.value == {"url": "http://127.0.0.1:9/buyers/green"}


def test_a_default_serves_for_a_variable_that_is_unset_or_empty() -> None:
    assert parse("a: ${A:-x:-y}", A="").value == {"a": "x:-y"}


def test_a_variables_value_is_text_and_never_yaml() -> None:
    assert parse("a: ${A}", A="[1, 2]: ${B}").value == {"a": "[1, 2]: ${B}"}


@pytest.mark.parametrize(
    ("written", "text"),
    [("$${A}", "${A}"), ("$$${", "$${"), ("$$${{", "$${{"), ("x $${ ${A} $${A:-y}", "x ${ 1 ${A:-y}"), ("$$", "$$")],
)
def test_a_dollar_more_makes_a_variable_stand_for_itself(written: str, text: str) -> None:
    assert parse(f"a: '{written}'", A="1").value == {"a": text}


@given(st.text(st.sampled_from("${}:-A ")))
@example("$${{")
def test_any_text_has_a_spelling_that_means_just_that(text: str) -> None:
    document = parse(json.dumps({"a": yaml_reader.verbatim(text)}), A="1")
    assert document.problems == []
    assert document.value == {"a": text}


def test_an_unset_variable_is_told_with_its_field() -> None:
    assert problems(parse("a:\n  - x\n  - key: ${LAWN_KEY}\n")) == [
        "a.yaml:3: a[1].key: needs the environment variable LAWN_KEY, which is not set"
    ]


@pytest.mark.parametrize("written", ["${", "${1ST}", "${A", "${A:x}", "x ${} y"])
def test_a_half_written_variable_is_refused(written: str) -> None:
    assert problems(parse(f'a: "{written}"', A="1")) == [
        "a.yaml:1: a: has a ${ that begins neither ${NAME} nor ${NAME:-default}; $${ is a plain ${"
    ]


def test_a_field_that_stands_twice_is_refused() -> None:
    assert problems(parse("a: 1\nb: 2\na: 3\n")) == ["a.yaml:1: a: stands twice: on line 1 and on line 3"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1\nb: 2\n", "a.yaml:2: is not valid YAML: expected ',' or ']', but got ':'"),
        ("a: 1\nb: \x07\n", "a.yaml:2: is not valid YAML: special characters are not allowed"),
        ("a: &x 1\nb: *x\n", "a.yaml:2: is not valid YAML: aliases are not supported; write the value out"),
        (
            "a: 1\n---\nb: 2\n",
            "a.yaml:2: is not valid YAML: a file is one document: take the second --- out (found another document)",
        ),
        (
            "a: 1\n b: 2\n",
            "a.yaml:2: is not valid YAML: indent this line as its neighbours are, and quote a text with a "
            "colon (mapping values are not allowed here)",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "a.yaml:3: is not valid YAML: indent this line as its neighbours are "
            "(expected <block end>, but found '<block mapping start>')",
        ),
        (
            "a:\n\tb: 1\n",
            "a.yaml:2: is not valid YAML: indent with spaces, not with tabs "
            "(found character '\\t' that cannot start any token)",
        ),
        (
            "a: 1\nb\nc: 2\n",
            "a.yaml:3: is not valid YAML: here or on the line before, a field's name lacks its colon and "
            "space (could not find expected ':')",
        ),
        ("", "a.yaml:1: is empty"),
        ("- a\n", "a.yaml:1: must be a section of fields"),
        ("? [a, b]\n: 1\n", "a.yaml:1: line 1 has a field whose name is not a text"),
        ('a: "\\0"\n', "a.yaml:1: a: holds a NUL or a broken surrogate character"),
        ("a: " + "[" * 5000, "a.yaml:1: is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, problem: str) -> None:
    assert problems(parse(text)) == [problem]


def test_a_file_that_is_not_there_or_no_text_is_a_problem_like_any_other(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: Caf\xe9\n")
    assert problems(yaml_reader.read(latin, {})) == [f"{latin}:1: cannot be read: is not UTF-8"]
    assert problems(yaml_reader.read(tmp_path, {})) == [
        f"{tmp_path}:1: cannot be read: it is a folder; name the files in it"
    ]
    assert problems(yaml_reader.read(tmp_path / "none.yaml", {})) == [
        f"{tmp_path / 'none.yaml'}:1: cannot be read: No such file or directory"
    ]
