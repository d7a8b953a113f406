"""Who is asking, and what they may see: tokens, roles and scopes."""
