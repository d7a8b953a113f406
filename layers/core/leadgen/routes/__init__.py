"""The API's routes about money, a module a subject; ``functions/api`` serves them."""
