"""Puts the template's topic, queues and subscriptions into the AWS emulator of docker-compose.yml, for `sam local`.

    docker compose --profile aws up -d postgres aws
    .venv/*/bin/python docker/emulator.py > .local/sam-local.json
    sam build
    sam local invoke MigrateFunction --docker-network leadgen_default --env-vars .local/sam-local.json
    sam local invoke ValidateFunction --docker-network leadgen_default --env-vars .local/sam-local.json \
        --event events/lead.received.json

It prints the variables with which a function finds them. Doing it again changes nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

from localstack_client.session import Session

from leadgen_local.template import reader

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
TOPIC = "leadgen-events"


def prepare(session: Any, described: reader.Template) -> dict[str, str]:
    """Make what is missing; the variables of a function that runs in the network of docker-compose.yml."""
    sns, sqs = session.client("sns"), session.client("sqs")
    topic_arn = sns.create_topic(Name=TOPIC)["TopicArn"]
    names = {name: queue.arn.rpartition(":")[2] for name, queue in described.queues.items()}
    urls = {name: sqs.create_queue(QueueName=queue_name)["QueueUrl"] for name, queue_name in names.items()}
    for subscription in described.subscriptions:
        attributes = {"RawMessageDelivery": "true"}
        if subscription.events is not None:
            policy = json.dumps({"event": subscription.events})
            attributes |= {"FilterPolicyScope": "MessageBody", "FilterPolicy": policy}
        endpoint = described.queues[subscription.queue].arn
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
    return {
        "AWS_ENDPOINT_URL": "http://aws:4566",
        "DATABASE_URL": "postgresql://leadgen:leadgen@postgres:5432/leadgen",
        "SECRET_KEY": "only-for-sam-local-on-this-machine",
        "ENVIRONMENT": "development",
        "EVENTS_TOPIC_ARN": topic_arn,
        "DELIVER_QUEUE_URL": urls["deliver"],
        "NOTIFY_QUEUE_URL": urls["notify"],
        "QUEUE_URLS": ",".join(urls.values()),
    }


if __name__ == "__main__":
    variables = prepare(Session(), reader.load(TEMPLATE))
    sys.stdout.write(json.dumps({"Parameters": variables}, indent=2) + "\n")
