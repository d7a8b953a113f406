"""Sends everything that is not the sale: events to subscribers, SMS to buyers, replays of deliveries.

Subscribes to: every topic. Publishes: notice.due.
Alone writes: notice_attempts, notices, replay_batches, subscriptions.
Read first: domain/notices.py, then service/dispatch.py; service/subscriptions.py and service/replays.py.
"""
