"""What must hold of every function, queue, subscription and schedule, asked of the translated template."""

import pytest

from leadgen.kernel.events import Topic
from tests.support.template.cloudformation import (
    ROOT,
    arn,
    dead_letter_queues,
    functions,
    mappings,
    named,
    of_type,
    queues,
    subscriptions,
    translated,
    written,
)

FOURTEEN_DAYS = 14 * 24 * 60 * 60


def folders() -> dict[str, str]:
    """Each function's folder, by logical id."""
    functions = of_type(written(), "AWS::Serverless::Function")
    return {name: properties["CodeUri"].removeprefix("functions/").strip("/") for name, properties in functions.items()}


def test_every_function_folder_is_in_the_template_and_has_its_handler() -> None:
    on_disk = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(folders().values()) == on_disk
    for folder in on_disk:
        assert (ROOT / "functions" / folder / "handler.py").is_file()
    assert {properties["Handler"] for properties in functions().values()} == {"handler.handler"}


def test_functions_run_on_the_runtime_and_processor_that_the_layer_is_built_for() -> None:
    makefile = (ROOT / "layers" / "core" / "Makefile").read_text()
    for parameter, variable in (("Runtime", "RUNTIME"), ("Architecture", "ARCHITECTURE")):
        default = written()["Parameters"][parameter]["Default"]
        assert any(line.split() == [variable, "?=", default] for line in makefile.splitlines())
    assert {named(properties["Runtime"]) for properties in functions().values()} == {"Runtime"}
    assert {named(*properties["Architectures"]) for properties in functions().values()} == {"Architecture"}


@pytest.mark.parametrize("queue", queues())
def test_a_queue_has_one_consumer_that_reports_item_failures(queue: str) -> None:
    (mapping,) = (mapping for mapping in mappings() if mapping["EventSourceArn"] == arn(queue))
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    assert "MaximumConcurrency" in mapping["ScalingConfig"]


@pytest.mark.parametrize("queue", queues())
def test_a_queue_gives_up_to_dead_letters_of_its_own(queue: str) -> None:
    redrive = queues()[queue]["RedrivePolicy"]
    taking = [
        name
        for name, other in queues().items()
        if other["RedrivePolicy"]["deadLetterTargetArn"] == redrive["deadLetterTargetArn"]
    ]
    assert taking == [queue]
    assert named(redrive["deadLetterTargetArn"]) in dead_letter_queues()
    assert redrive["maxReceiveCount"] > 1


def test_dead_letters_are_kept_14_days_and_belong_to_a_queue() -> None:
    used = {named(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues().values()}
    assert set(dead_letter_queues()) == used
    assert {queue["MessageRetentionPeriod"] for queue in dead_letter_queues().values()} == {FOURTEEN_DAYS}


def test_queues_encrypt_what_they_hold() -> None:
    assert all(queue["SqsManagedSseEnabled"] for queue in (queues() | dead_letter_queues()).values())


@pytest.mark.parametrize("queue", queues())
def test_a_message_is_hidden_for_six_times_its_functions_timeout(queue: str) -> None:
    (mapping,) = (mapping for mapping in mappings() if mapping["EventSourceArn"] == arn(queue))
    function = functions()[named(mapping["FunctionName"])]
    assert queues()[queue]["VisibilityTimeout"] >= 6 * function["Timeout"]


@pytest.mark.parametrize("subscription", subscriptions())
def test_a_subscription_hands_a_queue_the_bare_message(subscription: str) -> None:
    properties = subscriptions()[subscription]
    assert properties["TopicArn"] == {"Ref": "LeadEvents"}
    assert named(properties["Endpoint"]) in queues()
    assert properties["RawMessageDelivery"] is True
    if "FilterPolicy" in properties:
        assert properties["FilterPolicyScope"] == "MessageBody"


def test_every_queue_is_subscribed_once_and_to_events_that_exist() -> None:
    assert sorted(named(properties["Endpoint"]) for properties in subscriptions().values()) == sorted(queues())
    filters = [properties["FilterPolicy"] for properties in subscriptions().values() if "FilterPolicy" in properties]
    assert {event for policy in filters for event in policy["event"]} <= {topic.value for topic in Topic}
    assert all(policy.keys() == {"event"} for policy in filters)


def test_every_schedule_says_how_often_it_is_tried_again() -> None:
    schedules = of_type(translated(), "AWS::Scheduler::Schedule")
    assert {named(schedule["Target"]["Arn"]) for schedule in schedules.values()} == {
        "AuditFunction",
        "InvoiceFunction",
        "SweepFunction",
        "RetainFunction",
    }
    for name, schedule in schedules.items():
        assert {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= schedule["Target"]["RetryPolicy"].keys(), name
        assert "AWS::StackName" in str(schedule["Name"]), "two stacks in one account would share the name"


def test_every_function_logs_to_a_group_that_forgets() -> None:
    groups = of_type(translated(), "AWS::Logs::LogGroup")
    assert {named(properties["LoggingConfig"]["LogGroup"]) for properties in functions().values()} <= groups.keys()
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    assert written()["Parameters"]["LogRetentionDays"]["Default"] == 90


def test_the_access_log_holds_nothing_of_a_person() -> None:
    (stage,) = of_type(translated(), "AWS::ApiGateway::Stage").values()
    log_format = stage["AccessLogSetting"]["Format"]
    fields = {word.strip('",{}') for word in log_format.split() if word.startswith('"$')}
    assert fields == {
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.httpMethod",
        "$context.resourcePath",
        "$context.status",
        "$context.responseLatency",
    }


def test_new_code_waits_for_the_migrations_and_they_run_when_a_migration_changes() -> None:
    resources = translated()["Resources"]
    waiting = {name for name in functions() if resources[name].get("DependsOn") == "Migrations"}
    assert waiting == functions().keys() - {"MigrateFunction"}
    version = resources[named(resources["Migrations"]["Properties"]["Version"])]
    assert version["Properties"]["Content"]["S3Key"] == "sql"


def test_every_queue_and_every_function_has_its_alarm() -> None:
    alarms = of_type(translated(), "AWS::CloudWatch::Alarm")
    watched = str(alarms)
    for queue in queues():
        age = [alarm for alarm in alarms.values() if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage"]
        assert any(f"'{queue}'" in str(alarm["Dimensions"]) for alarm in age)
    for queue in dead_letter_queues():
        depth = [alarm for alarm in alarms.values() if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"]
        assert any(f"'{queue}'" in str(alarm["Dimensions"]) for alarm in depth)
    assert all(f"'{function}'" in watched for function in functions())
    assert all(alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}] for alarm in alarms.values())
