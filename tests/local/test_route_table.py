"""Routes are found as API Gateway's REST APIs find them."""

import pytest

from leadgen_local.gateway.route_table import RouteTable
from leadgen_local.template.reader import Route, TemplateError

ROUTES = [
    Route("POST", "/", "root"),
    Route("POST", "/{proxy+}", "page"),
    Route("POST", "/api/leads", "intake"),
    Route("ANY", "/api/{proxy+}", "api"),
    Route("GET", "/api/buyers/{id}", "buyer"),
    Route("GET", "/health", "health"),
    Route("GET", "/health/{probe}", "probe"),
]


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("POST", "/", "root"),
        ("POST", "/any/landing/page", "page"),
        ("POST", "/healthy", "page"),
        ("POST", "/api/leads", "intake"),
        ("GET", "/api/reports", "api"),
        ("DELETE", "/api/reports/7", "api"),
        ("GET", "/api/buyers/7", "buyer"),
        ("GET", "/health", "health"),
        ("GET", "/health/db", "probe"),
    ],
)
def test_the_most_specific_resource_serves_the_request(method: str, path: str, function: str) -> None:
    assert RouteTable(ROUTES).function(method, path) == function


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/any/landing/page"),
        ("GET", "/api/leads"),
        ("POST", "/api"),
        ("POST", "/health"),
        ("POST", "/api/leads/7"),
        ("GET", "/health/"),
    ],
)
def test_a_resource_without_the_method_is_not_made_up_for_by_a_wider_one(method: str, path: str) -> None:
    assert RouteTable(ROUTES).function(method, path) is None


def test_the_same_method_and_path_cannot_be_routed_twice() -> None:
    with pytest.raises(TemplateError, match="POST /a is routed twice"):
        RouteTable([Route("POST", "/a", "one"), Route("POST", "/a", "two")])
