"""What the HTTP functions share: the application, its error shape, and reading a body."""
