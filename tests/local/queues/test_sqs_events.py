"""The event a function gets, and what its answer means."""

import json
from datetime import UTC, datetime

import pytest

from leadgen_local.queues.sqs_events import MalformedAnswerError, Message, batch_event, failed_ids
from tests.support.local import a_mapping, a_queue

SENT = datetime(2026, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
BATCH = [Message(7, 1, SENT, RECEIVED, '{"lead_id": 1}'), Message(8, 3, SENT, RECEIVED, '{"lead_id": 2}')]
MAPPING = a_mapping(a_queue("hot_work"))


def test_a_record_looks_like_one_of_sqs() -> None:
    records = batch_event(MAPPING, BATCH)["Records"]
    assert [record["messageId"] for record in records] == ["7", "8"]
    assert json.loads(records[0]["body"]) == {"lead_id": 1}
    assert records[0]["attributes"] == {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1772359200250",
        "SenderId": "000000000000",
        "ApproximateFirstReceiveTimestamp": "1772359201000",
    }
    assert records[1]["attributes"]["ApproximateReceiveCount"] == "3"
    assert records[0]["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:leadgen-hot-work"
    assert records[0]["eventSource"] == "aws:sqs"
    assert json.loads(json.dumps(records)) == records


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_without_failures_is_success(answer: object) -> None:
    assert failed_ids(MAPPING, BATCH, answer) == set()


def test_only_the_named_messages_failed() -> None:
    assert failed_ids(MAPPING, BATCH, {"batchItemFailures": [{"itemIdentifier": "8"}]}) == {8}


@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        [],
        {"failures": []},
        {"batchItemFailures": "8"},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 8}]},
        {"batchItemFailures": [{"id": "8"}]},
        {"batchItemFailures": [{"itemIdentifier": "99"}]},
    ],
)
def test_an_answer_lambda_would_not_understand_is_malformed(answer: object) -> None:
    with pytest.raises(MalformedAnswerError):
        failed_ids(MAPPING, BATCH, answer)


def test_a_mapping_that_does_not_report_failures_takes_any_answer() -> None:
    assert failed_ids(a_mapping(a_queue(), reports=False), BATCH, "ok") == set()
