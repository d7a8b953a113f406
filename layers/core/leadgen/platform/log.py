"""Log lines and counters: one wide JSON line a message, one EMF line a batch; never personal data."""

import os
from collections import Counter

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "LeadGen"

logger = Logger(service="leadgen", level=os.environ.get("LOG_LEVEL") or "INFO", location=None)


def count(stage: str, outcomes: Counter[str], milliseconds: float) -> None:
    """Emit how often each outcome occurred in a batch, and how long the batch took."""
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=stage)
    for outcome, times in sorted(outcomes.items()):
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=times)
    metrics.add_metric(name="batch_milliseconds", unit=MetricUnit.Milliseconds, value=round(milliseconds, 1))
    metrics.flush_metrics()
