"""What a refusal answers with."""

from leadgen.kernel.errors import Refusal


def test_what_there_is_none_of_is_not_found_by_its_name() -> None:
    refusal = Refusal.missing("credit note", 7)
    assert (refusal.status, refusal.code, refusal.message, refusal.details) == (
        404,
        "not_found",
        "there is no credit note 7",
        {},
    )
