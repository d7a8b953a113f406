"""The API of operators and buyers: one application of every capability's routes. Each request carries a token."""

from leadgen.delivery import routes as delivery_routes
from leadgen.documents.routes import documents
from leadgen.explanation import routes as explanation_routes
from leadgen.invoicing import routes as invoicing_routes
from leadgen.notifications import routes as notifications_routes
from leadgen.outbound import routes as outbound_routes
from leadgen.payments.routes import cards, payments
from leadgen.platform.web.app import build_app, lambda_handler
from leadgen.publishers import routes as publishers_routes
from leadgen.receivables import routes as receivables_routes
from leadgen.reporting import routes as reporting_routes
from leadgen.returns import routes as returns_routes
from leadgen.review import routes as review_routes

app = build_app()
for routes in (
    explanation_routes,
    review_routes,
    delivery_routes,
    outbound_routes,
    notifications_routes,
    invoicing_routes,
    payments,
    cards,
    receivables_routes,
    returns_routes,
    publishers_routes,
    documents,
    reporting_routes,
):
    app.include_router(routes.router)
handler = lambda_handler(app)
