"""The base of the pydantic models that are checked both when written and when read."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value that refuses fields it does not know; in JSON its fields have the names of their aliases."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )
