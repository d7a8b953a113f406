"""The public door of leads: POST /api/leads, posts on landing pages' own paths, and health → lead.received."""

from leadgen.intake import routes as intake_routes
from leadgen.platform.web import health
from leadgen.platform.web.app import build_app, lambda_handler

app = build_app()
app.include_router(health.router)
app.include_router(intake_routes.router)  # last: it takes a POST on whatever path is left
handler = lambda_handler(app)
