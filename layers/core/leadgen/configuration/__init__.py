"""Checks, plans, applies, exports and rolls back YAML files of markets, offers, policies, sources and buyers.

Subscribes to: nothing. Publishes: nothing.
Alone writes: buyer_offers, buyer_service_areas, configuration_versions, markets, offer_exclusivities, offers, places,
    publishers, radius_postal_codes, routing_policies, seller, sources, validation_policies, verticals.
Read first: domain/model.py (what a file holds), domain/checks.py, then service/apply.py.
"""
