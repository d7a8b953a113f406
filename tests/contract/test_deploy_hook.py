"""The few lines in the template that CloudFormation calls on a deploy: it always gets an answer, and the right one."""

import io
import json
import sys
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tests.support.template.cloudformation import translated

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/leadgen/1"
Answers = list[tuple[str, str]]


class CloudFormationResponse(ModuleType):
    """The module that Lambda puts beside code written in a template: keeps what was answered."""

    SUCCESS, FAILED = "SUCCESS", "FAILED"

    def __init__(self) -> None:
        super().__init__("cfnresponse")
        self.answers: Answers = []

    def send(self, event: Any, context: Any, status: str, data: Any, resource: str, *, reason: str) -> None:
        assert (data, resource) == ({}, "migrations")
        self.answers.append((status, reason))


@pytest.fixture
def lambda_stub(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Lambda as the hook sees it."""
    return stubbed("lambda", monkeypatch)


def stubbed(service: str, monkeypatch: pytest.MonkeyPatch) -> Stubber:
    session: Any = boto3.session.Session()
    client = session.client(
        service, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    make = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **how: client if name == service else make(name, **how))
    stub = Stubber(client)
    stub.activate()
    return stub


def invocation(stub: Stubber, answer: object, *, failed: bool = False) -> None:
    payload = json.dumps(answer).encode()
    response: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload))}
    stub.add_response("invoke", response | ({"FunctionError": "Unhandled"} if failed else {}))


def call(request_type: str, stack_status: str, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Run the hook for one event; what it answers CloudFormation."""
    cloudformation = stubbed("cloudformation", monkeypatch)
    stack = {"StackName": "leadgen", "CreationTime": "2026-01-15T10:30:00Z", "StackStatus": stack_status}
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]})
    response = CloudFormationResponse()
    monkeypatch.setitem(sys.modules, "cfnresponse", response)
    monkeypatch.setenv("MIGRATE_FUNCTION", "migrate")
    hook: dict[str, Any] = {}
    exec(translated()["Resources"]["DeployHook"]["Properties"]["Code"]["ZipFile"], hook)
    monkeypatch.setattr(hook["time"], "sleep", lambda seconds: None)
    hook["handler"]({"RequestType": request_type, "StackId": STACK}, None)
    return response.answers


@pytest.mark.parametrize(
    ("request_type", "status"), [("Create", "CREATE_IN_PROGRESS"), ("Update", "UPDATE_IN_PROGRESS")]
)
def test_a_deploy_migrates(
    request_type: str, status: str, lambda_stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation(lambda_stub, {"applied": ["0001"]})
    assert call(request_type, status, monkeypatch) == [("SUCCESS", '{"applied": ["0001"]}')]


def test_a_migration_that_fails_stops_the_deploy_and_says_why(
    lambda_stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation(lambda_stub, {"errorType": "MigrationFailed", "errorMessage": "0002: no such table"}, failed=True)
    ((status, reason),) = call("Update", "UPDATE_IN_PROGRESS", monkeypatch)
    assert status == "FAILED"
    assert "0002: no such table" in reason


def test_a_database_that_is_not_there_yet_is_waited_for(lambda_stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    invocation(lambda_stub, {"errorType": "DatabaseAway"}, failed=True)
    invocation(lambda_stub, {"applied": []})
    assert call("Create", "CREATE_IN_PROGRESS", monkeypatch) == [("SUCCESS", '{"applied": []}')]


def test_a_database_that_never_comes_stops_the_deploy(lambda_stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(21):
        invocation(lambda_stub, {"errorType": "DatabaseAway"}, failed=True)
    ((status, reason),) = call("Create", "CREATE_IN_PROGRESS", monkeypatch)
    assert (status, "DatabaseAway" in reason) == ("FAILED", True)


@pytest.mark.parametrize(
    ("request_type", "status"), [("Update", "UPDATE_ROLLBACK_IN_PROGRESS"), ("Delete", "DELETE_IN_PROGRESS")]
)
def test_nothing_is_migrated_on_the_way_back(
    request_type: str, status: str, lambda_stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(request_type, status, monkeypatch) == [("SUCCESS", "nothing to do")]
