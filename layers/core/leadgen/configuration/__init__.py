"""Markets, offers, policies, sources and buyers as YAML files: checked, planned, applied, exported, rolled back.

Read ``domain.model`` (what a file says), ``domain.checks``, ``service.apply``.
"""
