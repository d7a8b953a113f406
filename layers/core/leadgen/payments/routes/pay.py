"""HTTP of the page where an invoice is paid, and of the provider's webhook. Public: a link's token opens one invoice,
and an event is accepted only with the provider's signature.
"""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from leadgen.kernel.errors import Refusal
from leadgen.payments.adapters import provider
from leadgen.payments.adapters.provider import NotFromProvider
from leadgen.payments.domain import pay_page
from leadgen.payments.domain import provider_events as domain
from leadgen.payments.domain.pay_page import PageInvoice
from leadgen.payments.domain.provider_events import EventUnreadable, ProviderEvent
from leadgen.payments.service import checkout
from leadgen.payments.service import provider_events as service
from leadgen.platform import clock, settings
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.receivables.domain.settlement import PAYABLE_ONLINE

router = APIRouter()

_MESSAGES = {
    "done": ("Thank you", "It is done. You may close this page."),
    "cancelled": ("Nothing was done", "You left the payment page before it was done. You may close this page."),
}


@router.get("/pay/{token}")
def get_page(token: str, paid: str | None = None) -> Response:
    """The page of an invoice."""
    if token in _MESSAGES:
        return _html(pay_page.message(*_MESSAGES[token]))
    try:
        return _invoice(token, just_paid=paid is not None)
    except Refusal as refusal:
        return refused(refusal)


@router.post("/pay/{token}")
def post_page(token: str) -> Response:
    """To the provider's page, to pay what is due now."""
    try:
        url = checkout.checkout_url(token, now=clock.now())
    except Refusal as refusal:
        if refusal.status == 409 and refusal.code == "invoice_not_payable":
            return _invoice(token, status=409)
        return refused(refusal)
    return RedirectResponse(url, 303, page_headers())


@router.post("/webhooks/stripe")
async def post_event(request: Request) -> JsonAnswer:
    """An event of the provider: kept and acted on in one transaction. What cannot be acted on yet is kept all the same,
    and the sweep tries again.
    """
    raw = await body.raw(request)
    return await run_in_threadpool(_take_in, raw, request.headers.get("stripe-signature"))


def _take_in(raw: bytes, signature: str | None) -> JsonAnswer:
    if settings.current().stripe_webhook_secret is None:
        raise Refusal(404, "not_found", "STRIPE_WEBHOOK_SECRET is not set: no events are taken")
    try:
        event = domain.read(provider.signed_event(raw, signature))
    except NotFromProvider as why:
        logger.warning("provider_event.refused", extra={"stage": "pay", "cause": str(why)})
        raise Refusal(400, "invalid_signature", f"this is not signed by the provider: {why}") from None
    except EventUnreadable as why:
        logger.exception("provider_event.unreadable", extra={"stage": "pay", "cause": str(why)})
        raise Refusal(400, "invalid_request", str(why)) from None
    if event is not None:
        _act(event, clock.now())
    return JsonAnswer({"received": True})


def _act(event: ProviderEvent, now: datetime) -> None:
    with bus.transaction() as transaction:
        transaction.announce(service.take_in(transaction.conn, event, now=now))


def _invoice(token: str, *, status: int = 200, just_paid: bool = False) -> Response:
    invoice = checkout.payable(token)
    shown = PageInvoice(
        number=invoice.number,
        status=invoice.status,
        currency=invoice.currency,
        timezone=invoice.timezone,
        issued_at=invoice.issued_at,
        due_date=invoice.due_date,
        total=invoice.total,
        due=invoice.due,
        seller=invoice.seller,
        may_pay=invoice.status in PAYABLE_ONLINE and provider.is_configured(),
        document=f"{token}/invoice.pdf",
        just_paid=just_paid,
    )
    return _html(pay_page.invoice(shown), status)


def refused(refusal: Refusal) -> Response:
    """The page that a person reads in place of an error."""
    title = {404: "Not found", 503: "Not now"}.get(refusal.status, "This cannot be done")
    text = {
        404: "There is no invoice behind this link. Please use the link from the invoice itself.",
        503: "The payment provider does not answer just now. Please try again in a minute.",
    }.get(refusal.status, "Payment by card is not possible here. Please pay by transfer, or ask the seller.")
    logger.info("refused", extra={"code": refusal.code, "status": refusal.status})
    return _html(pay_page.message(title, text), refusal.status)


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, page_headers())


def page_headers() -> dict[str, str]:
    """The headers of whatever stands behind a pay link: nothing foreign, nothing kept, nothing indexed."""
    # A form's answer may lead to the provider's page, which may have an address of the seller's own.
    base = settings.current().stripe_api_base
    elsewhere = "https:" if base.startswith("https:") else f"https: {base}"
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src {pay_page.STYLE_SOURCE}; form-action 'self' {elsewhere}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",  # the address is the key to the invoice
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        "Strict-Transport-Security": "max-age=31536000",
    }
