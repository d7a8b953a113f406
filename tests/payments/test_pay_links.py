"""Links to pay by: made with our key, for one invoice, and by nobody else."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.payments.domain import pay_links

KEY = "a-secret-key-for-tests-of-sufficient-length"
IDS = st.integers(1, 2**31 - 1)


@given(IDS)
def test_a_link_leads_to_its_invoice(invoice_id: int) -> None:
    token = pay_links.token(KEY, invoice_id)
    assert pay_links.invoice_id(KEY, token) == invoice_id
    assert token.replace("-", "").replace("_", "").isalnum()


@given(IDS, IDS)
def test_no_two_invoices_have_one_link(one: int, other: int) -> None:
    assert (pay_links.token(KEY, one) == pay_links.token(KEY, other)) == (one == other)


@given(IDS, st.integers(0, 28 * 8 - 1))
def test_a_link_with_one_bit_changed_leads_nowhere(invoice_id: int, bit: int) -> None:
    token = pay_links.token(KEY, invoice_id)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[bit // 8] ^= 1 << bit % 8
    assert pay_links.invoice_id(KEY, base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")) is None


@given(IDS, st.text(min_size=1))
def test_another_key_makes_another_link(invoice_id: int, key: str) -> None:
    assert (pay_links.invoice_id(KEY, pay_links.token(key, invoice_id)) == invoice_id) == (key == KEY)


@given(st.text(max_size=60))
def test_any_other_text_leads_nowhere(text: str) -> None:
    assert pay_links.invoice_id(KEY, text) is None


@pytest.mark.parametrize("token", ["", "=", "é", "-" * 38, "A" * 10_000])
def test_what_is_no_token_leads_nowhere(token: str) -> None:
    assert pay_links.invoice_id(KEY, token) is None


def test_a_signature_of_the_key_itself_is_not_that_of_a_link() -> None:
    number = (1).to_bytes(8, "big")
    plain = hmac.new(KEY.encode(), number, hashlib.sha256).digest()[:20]
    assert pay_links.invoice_id(KEY, base64.urlsafe_b64encode(number + plain).decode()) is None
