"""The base of the pydantic models that are checked both when written and when read."""

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen value that refuses undefined fields; in JSON its fields have the names of their aliases."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


def renamed(name: str, *before: str) -> Any:
    """What a field is annotated with whose name was another one before: what is stored or written so is still read, and
    only the new name is written.
    """
    return Field(validation_alias=AliasChoices(name, *before))
