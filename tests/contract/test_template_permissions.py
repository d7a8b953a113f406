"""Who may do what: asked of the translated template, where every statement stands written out."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.template.cloudformation import (
    arn,
    functions,
    mappings,
    named,
    of_type,
    queues,
    subscriptions,
    translated,
)

# Network interfaces have no name before Lambda makes them, and describing them knows no names at all.
EVERY_RESOURCE = {"AttachToNetwork"}
POLICIES_OF_AWS = {"AmazonAPIGatewayPushToCloudWatchLogs"}
PUBLISHERS = {"ingest", "api", "pay", "validate", "route", "deliver", "bill", "collect", "invoice", "audit", "sweep"}
WAKERS = {
    "api": [arn("DeliverQueue"), arn("CollectQueue")],
    "pay": [arn("CollectQueue")],
    "deliver": [arn("DeliverQueue")],
    "bill": [arn("CollectQueue")],
    "notify": [arn("NotifyQueue")],
    "sweep": [arn("DeliverQueue"), arn("NotifyQueue"), arn("CollectQueue")],
}
MAILERS = {"deliver", "document", "invoice"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, statement) of every policy that grants something to a role."""
    for name, role in of_type(translated(), "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield name, statement
    for name, policy in of_type(translated(), "AWS::IAM::ManagedPolicy").items():
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            yield name, statement


def granted(role: str) -> set[str]:
    """The actions of a function's own role."""
    return {action for name, statement in statements() if name == role for action in listed(statement["Action"])}


def role_of(function: str) -> str:
    return named(functions()[function]["Role"])


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [role_of(function) for function in functions()]
    assert len(set(roles)) == len(roles)


def test_no_statement_grants_by_wildcard() -> None:
    assert [action for _, statement in statements() for action in listed(statement["Action"]) if "*" in action] == []
    assert {name for name, statement in statements() if "*" in str(statement["Resource"])} == EVERY_RESOURCE
    assert all(statement["Effect"] == "Allow" for _, statement in statements())


def test_policies_of_aws_are_used_only_where_named_here() -> None:
    roles = of_type(translated(), "AWS::IAM::Role").values()
    attached = [policy for role in roles for policy in role.get("ManagedPolicyArns", [])]
    texts = [policy["Fn::Sub"] for policy in attached if "Fn::Sub" in policy] + [
        p for p in attached if isinstance(p, str)
    ]
    assert {text.rpartition("/")[2] for text in texts} == POLICIES_OF_AWS


def test_only_who_announces_may_publish_and_only_to_the_topic() -> None:
    (publish,) = [statement for _, statement in statements() if "sns:Publish" in listed(statement["Action"])]
    assert publish["Resource"] == {"Ref": "LeadEvents"}
    roles = of_type(translated(), "AWS::IAM::Role")
    publishing = {name for name, role in roles.items() if {"Ref": "PublishEvents"} in role.get("ManagedPolicyArns", [])}
    assert publishing == {f"{name.title()}Role" for name in PUBLISHERS}


def test_only_who_mails_may_use_ses_and_only_as_the_configured_sender() -> None:
    (send,) = [statement for _, statement in statements() if "ses:" in str(statement["Action"])]
    assert send["Action"] == ["ses:SendEmail", "ses:SendRawEmail"]
    assert send["Resource"] == {
        "Fn::Sub": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${SesIdentity}"
    }
    assert send["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "FromEmail"}}}
    assert translated()["Resources"]["SendMail"]["Condition"] == "MailsThroughSes"
    roles = of_type(translated(), "AWS::IAM::Role")
    if_by_ses = {"Fn::If": ["MailsThroughSes", {"Ref": "SendMail"}, {"Ref": "AWS::NoValue"}]}
    mailing = {name for name, role in roles.items() if if_by_ses in role.get("ManagedPolicyArns", [])}
    assert mailing == {f"{name.title()}Role" for name in MAILERS}


def test_only_who_has_calls_made_may_send_wake_ups_and_only_to_the_queue_it_wakes() -> None:
    senders = {
        name: listed(statement["Resource"])
        for name, statement in statements()
        if statement["Action"] == "sqs:SendMessage"
    }
    assert senders == {f"{name.title()}Role": resources for name, resources in WAKERS.items()}


@pytest.mark.parametrize("queue", queues())
def test_a_queue_is_read_by_its_own_function_only(queue: str) -> None:
    (mapping,) = (mapping for mapping in mappings() if mapping["EventSourceArn"] == arn(queue))
    readers = {
        name
        for name, statement in statements()
        if "sqs:ReceiveMessage" in listed(statement["Action"]) and arn(queue) in listed(statement["Resource"])
    }
    assert readers == {role_of(named(mapping["FunctionName"]))}
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} <= granted(*readers)


@pytest.mark.parametrize("function", functions())
def test_a_function_may_write_to_its_own_log_only(function: str) -> None:
    group = named(functions()[function]["LoggingConfig"]["LogGroup"])
    logging = [
        statement
        for name, statement in statements()
        if name == role_of(function) and any(action.startswith("logs:") for action in listed(statement["Action"]))
    ]
    assert [statement["Resource"] for statement in logging] == [arn(group)]


@pytest.mark.parametrize("subscription", subscriptions())
def test_the_policy_of_a_subscribed_queue_lets_in_the_topic_and_nothing_else(subscription: str) -> None:
    queue = named(subscriptions()[subscription]["Endpoint"])
    policies = of_type(translated(), "AWS::SQS::QueuePolicy").values()
    (policy,) = [policy for policy in policies if {"Ref": queue} in policy["Queues"]]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Resource": arn(queue),
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "LeadEvents"}}},
    }


def test_the_database_is_private_encrypted_and_survives_the_stack() -> None:
    database = translated()["Resources"]["Database"]
    assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert database["Properties"]["PubliclyAccessible"] is False
    assert database["Properties"]["StorageEncrypted"] is True
    groups = of_type(translated(), "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in groups["FunctionSecurityGroup"]
    assert all("CidrIp" not in rule for group in groups.values() for rule in group.get("SecurityGroupIngress", []))
