"""SMS notices fit into one message of the GSM alphabet."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadgen.notifications.domain import sms

NOTICES = [sms.mailed, sms.undelivered]


def test_a_notice_says_what_became_of_which_lead() -> None:
    about = {"vertical": "emergency_plumbing", "market": "Austin"}
    assert sms.mailed(123, **about) == "LeadGen: lead #123 (Emergency plumbing, Austin) was e-mailed to you."
    assert sms.undelivered(123, **about) == (
        "LeadGen: lead #123 (Emergency plumbing, Austin) was not confirmed by your system. We keep it; "
        "please check there."
    )


@pytest.mark.parametrize(
    ("market", "shown"), [("São Paulo", "Sao Paulo"), ("Łódź\n\u202e😀", "odz"), ("{x}~", "x"), ("Zürich", "Zürich")]
)
def test_letters_the_alphabet_lacks_lose_their_marks_or_are_left_out(market: str, shown: str) -> None:
    assert f"(Roofing, {shown})" in sms.mailed(1, vertical="roofing", market=market)


@pytest.mark.parametrize("notice", NOTICES)
@given(st.integers(1, 2**63 - 1), st.text(max_size=255), st.text(max_size=255))
@example(2**63 - 1, "x" * 300, "y")
@example(1, "x", "y " * 200)
def test_any_notice_fits_into_one_message(notice: object, lead_id: int, vertical: str, market: str) -> None:
    assert callable(notice)
    text = notice(lead_id, vertical=vertical, market=market)
    assert len(text) <= 160
    assert set(text) <= sms._ALPHABET
    assert f"#{lead_id} (" in text
