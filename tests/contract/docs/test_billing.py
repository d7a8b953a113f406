"""The reference of money in configuration: every example of it is one that the models take."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from leadgen.billing.domain.terms import BuyerBilling, Seller
from leadgen.configuration.domain import files, yaml_reader
from leadgen.configuration.domain.model import Publisher, Source
from leadgen.receivables.domain.return_reasons import Reason
from leadgen.returns.domain.policy import Provable, ReturnPolicy

TEXT = (Path(__file__).parents[3] / "docs" / "billing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml (\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
MODELS: dict[str, type[BaseModel]] = {
    "seller": Seller,
    "billing": BuyerBilling,
    "returns": ReturnPolicy,
    "publisher": Publisher,
    "source": Source,
}


@pytest.mark.parametrize(("kind", "written"), EXAMPLES, ids=[f"{kind} {n}" for n, (kind, _) in enumerate(EXAMPLES)])
def test_an_example_of_the_reference_is_taken_by_the_models(kind: str, written: str) -> None:
    content, problems = files.typed(yaml_reader.parse(written, kind, {}), MODELS[kind])
    assert [str(problem) for problem in problems] == []
    assert content is not None
    assert content.model_fields_set


def test_every_field_and_every_reason_has_its_place_in_the_reference() -> None:
    fields = [name for model in (Seller, BuyerBilling, ReturnPolicy, Publisher) for name in model.model_fields]
    for name in (*fields, *get_args(Reason), *get_args(Provable)):
        assert f"`{name}" in TEXT or f"{name}:" in TEXT, name
