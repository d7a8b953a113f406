"""Text in aligned columns, within a width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.terminal.tables import columns, folded


def test_columns_are_aligned_and_long_cells_go_on_below_themselves() -> None:
    rows = [("Rocky", "won", "priority 30"), ("Top Tiles", "refused", "capacity_per_day 3 → 4; prepay 15.00 USD")]
    assert columns(("BUYER", "VERDICT", "WHY"), rows, width=45) == [
        "BUYER      VERDICT  WHY",
        "Rocky      won      priority 30",
        "Top Tiles  refused  capacity_per_day 3 → 4;",
        "                    prepay 15.00 USD",
    ]  # fmt: skip


@pytest.mark.parametrize(("terminal", "longest"), [("72", 72), ("20", 60), ("300", 100)])
def test_a_narrow_terminal_makes_narrow_lines(monkeypatch: pytest.MonkeyPatch, terminal: str, longest: int) -> None:
    monkeypatch.setenv("COLUMNS", terminal)
    words = "word " * 60
    assert longest - 5 < max(len(line) for line in columns(("A", "B"), [("1", words)])) <= longest
    assert longest - 5 < max(len(line) for line in folded(words)) <= longest


CELLS = st.text(st.sampled_from("ab "), max_size=60)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=5), st.integers(40, 100))
def test_no_line_is_wider_than_it_may_be_and_no_letter_is_lost(rows: list[tuple[str, ...]], width: int) -> None:
    lines = columns(("A", "B", "C", "D"), rows, width=width)
    assert all(len(line) <= width for line in lines)
    letters = "ABCD" + "".join("".join(row) for row in rows).replace(" ", "")
    assert sorted("".join(lines).replace(" ", "")) == sorted(letters)
