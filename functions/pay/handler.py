"""The public door of money: the page where an invoice is paid, its PDF, and the payment provider's webhook."""

from leadgen.documents.routes import pay_link
from leadgen.payments.routes import pay
from leadgen.platform.web.app import build_app, lambda_handler

app = build_app()
app.include_router(pay.router)
app.include_router(pay_link.router)
handler = lambda_handler(app)
