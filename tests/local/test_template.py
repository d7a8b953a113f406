"""What is read from a template, and what is refused."""

from pathlib import Path
from textwrap import dedent

import pytest

from leadgen_local import paths
from leadgen_local.template.reader import Route, Schedule, Subscription, Template, TemplateError, load

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Parameters:
      Level: {Type: String, Default: INFO}
      Seconds: {Type: Number, Default: 20}
      Host: {Type: String, Default: ''}
      Bare: {Type: String}
    Conditions:
      HasHost: !Not [!Equals [!Ref Host, '']]
    Globals:
      Function:
        Handler: handler.handler
        Timeout: !Ref Seconds
        Environment:
          Variables: {LOG_LEVEL: !Ref Level, TOPIC: !Ref Topic, SECRET: '{{resolve:secretsmanager:x}}'}
    Resources:
      Topic: {Type: AWS::SNS::Topic}
      Jobs:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: !Sub '${AWS::StackName}-hot-jobs'
          VisibilityTimeout: 120
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 4}
      Dead:
        Type: AWS::SQS::Queue
        Properties: {QueueName: !Sub '${AWS::StackName}-hot-jobs-dlq'}
      Stage:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: functions/stage/
          MemorySize: 256
          Environment: {Variables: {HOST: !If [HasHost, !Ref Host, none], MODE: !Join ['-', [a, !Ref Level]]}}
          Events:
            Page: {Type: Api, Properties: {Method: post, Path: '/{proxy+}'}}
            Jobs:
              Type: SQS
              Properties:
                Queue: !GetAtt Jobs.Arn
                BatchSize: 5
                FunctionResponseTypes: [ReportBatchItemFailures]
                ScalingConfig: {MaximumConcurrency: 7}
            Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), Input: '{"a": 1}'}}
      Unwanted:
        Type: AWS::Serverless::Function
        Condition: HasHost
        Properties: {CodeUri: functions/unwanted/}
      Subscribed:
        Type: AWS::SNS::Subscription
        Properties:
          Protocol: sqs
          TopicArn: !Ref Topic
          Endpoint: !GetAtt Jobs.Arn
          RawMessageDelivery: true
          FilterPolicyScope: MessageBody
          FilterPolicy: {event: [job.made, job.due]}
"""

STAGE = """      Stage:
        Type: AWS::Serverless::Function"""


def read(tmp_path: Path, text: str = TEMPLATE, *, replace: tuple[str, str] | None = None) -> Template:
    if replace is not None:
        assert replace[0] in text
        text = text.replace(*replace)
    file = tmp_path / "template.yaml"
    file.write_text(dedent(text))
    return load(file)


def test_functions_have_the_globals_and_their_own_values(tmp_path: Path) -> None:
    functions = read(tmp_path).functions
    assert list(functions) == ["Stage"]
    stage = functions["Stage"]
    assert stage.code == tmp_path / "functions" / "stage"
    assert (stage.handler, stage.timeout_seconds, stage.memory_mb) == ("handler.handler", 20, 256)


def test_variables_that_only_aws_knows_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path).functions["Stage"].environment == {"LOG_LEVEL": "INFO", "HOST": "none", "MODE": "a-INFO"}


def test_routes_and_schedules_are_read_from_the_events(tmp_path: Path) -> None:
    template = read(tmp_path)
    assert template.routes == (Route("POST", "/{proxy+}", "Stage"),)
    assert template.schedules == (Schedule("Tick", "Stage", "rate(1 minute)", '{"a": 1}'),)


def test_queues_go_by_their_local_names(tmp_path: Path) -> None:
    template = read(tmp_path)
    assert set(template.queues) == {"hot_jobs", "hot_jobs_dlq"}
    queue = template.queues["hot_jobs"]
    assert queue.arn == "arn:aws:sqs:us-east-1:000000000000:leadgen-hot-jobs"
    assert (queue.visibility_seconds, queue.dead_letter_queue, queue.max_receive_count) == (120, "hot_jobs_dlq", 4)


def test_a_mapping_has_the_batch_and_the_queue(tmp_path: Path) -> None:
    (mapping,) = read(tmp_path).mappings
    assert (mapping.queue.name, mapping.function) == ("hot_jobs", "Stage")
    assert (mapping.batch_size, mapping.batching_window_seconds, mapping.max_concurrency) == (5, 0, 7)
    assert mapping.reports_item_failures


def test_one_worker_calls_every_function_that_names_no_other(tmp_path: Path) -> None:
    template = read(tmp_path)
    assert template.workers() == ("worker",)
    assert template.part_of("worker") == template


def test_a_function_runs_apart_in_the_worker_that_its_metadata_names(tmp_path: Path) -> None:
    template = read(tmp_path, replace=(STAGE, f"{STAGE}\n        Metadata: {{EmbeddedWorker: slow-jobs}}"))
    assert template.workers() == ("worker", "worker-slow-jobs")
    rest, apart = template.part_of("worker"), template.part_of("worker-slow-jobs")
    assert (rest.mappings, rest.schedules) == ((), ())
    assert (apart.mappings, apart.schedules) == (template.mappings, template.schedules)
    assert rest.subscriptions == apart.subscriptions == template.subscriptions


def test_a_subscription_takes_the_events_it_filters(tmp_path: Path) -> None:
    (subscription,) = read(tmp_path).subscriptions
    assert subscription == Subscription("hot_jobs", ("job.made", "job.due"))
    assert subscription.takes("job.due")
    assert not subscription.takes("job.done")


def test_a_subscription_without_a_filter_takes_everything(tmp_path: Path) -> None:
    (subscription,) = read(tmp_path, replace=("FilterPolicy: {event: [job.made, job.due]}", "")).subscriptions
    assert subscription.patterns == ("#",)
    assert subscription.takes("anything.at.all")


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (("VisibilityTimeout: 120", "VisibilityTimeout: !Ref Nothing"), r"Jobs\.VisibilityTimeout.*Nothing"),
        (("VisibilityTimeout: 120", "VisibilityTimeout: !Ref Topic"), r"Jobs\.VisibilityTimeout.*only on AWS"),
        (("VisibilityTimeout: 120", "VisibilityTimeout: !Ref Bare"), r"Jobs\.VisibilityTimeout.*no default"),
        (("VisibilityTimeout: 120", "VisibilityTimeout: soon"), r"Jobs\.VisibilityTimeout.*whole number"),
        (("VisibilityTimeout: 120", "VisibilityTimeout: !Select [0, [1]]"), r"Jobs\.VisibilityTimeout.*Fn::Select"),
        (("Queue: !GetAtt Jobs.Arn", "Queue: !GetAtt Gone.Arn"), r"Stage\.Events\.Jobs\.Properties\.Queue.*Gone"),
        (("Type: ScheduleV2", "Type: S3"), r"Stage\.Events\.Tick\.Type: S3 is not supported"),
        (("BatchSize: 5", "FilterCriteria: {}"), r"Properties\.FilterCriteria is not supported"),
        (("RawMessageDelivery: true", ""), r"Subscribed\.RawMessageDelivery"),
        (("FilterPolicyScope: MessageBody", ""), r"Subscribed\.FilterPolicyScope"),
        (("{event: [job.made, job.due]}", "{event: [{prefix: job}]}"), r"Subscribed\.FilterPolicy"),
        (("Condition: HasHost", "Condition: Missing"), r"Unwanted: there is no condition Missing"),
        ((STAGE, f"{STAGE}\n        Metadata: {{EmbeddedWorker: ../a}}"), r"Stage\.Metadata\.EmbeddedWorker.*\.\./a"),
        (("LOG_LEVEL: !Ref Level", "LOG_LEVEL: !Ref Levle"), r"Globals.*LOG_LEVEL.*Levle"),
    ],
)
def test_what_cannot_be_run_names_the_resource_and_the_property(
    tmp_path: Path, replace: tuple[str, str], message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        read(tmp_path, replace=replace)


def test_a_file_without_resources_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no Resources"):
        read(tmp_path, "Description: nothing")


def test_the_template_of_this_repository_can_be_run() -> None:
    template = load(paths.TEMPLATE)
    assert {mapping.function for mapping in template.mappings} <= set(template.functions)
    assert template.routes
    assert template.schedules


def test_what_draws_documents_runs_apart_from_what_delivers() -> None:
    template = load(paths.TEMPLATE)
    by_queue = {mapping.queue.name: template.functions[mapping.function].worker for mapping in template.mappings}
    assert by_queue.pop("document") == "worker-documents"
    assert set(by_queue.values()) == {"worker"}
