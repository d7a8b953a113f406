"""The HTTP gateway: finds a request's function as API Gateway does, and calls its FastAPI application."""
