"""Where an invoice is paid."""


def payment_url(invoice_id: int) -> str:
    """The page of an invoice."""
    return f"https://pay.invalid/{invoice_id}"
