"""What every model of the API is made of: names as Kubernetes has them, rules for the API server, the base class."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
Name = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", min_length=1, max_length=253)]
"""RFC 1123 subdomain, as Kubernetes names most objects."""
Label = Annotated[str, Field(pattern=f"^{_LABEL}$", min_length=1, max_length=63)]
"""RFC 1123 label, as Kubernetes names containers."""
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Number = Annotated[str, Field(max_length=32)]
"""A number that may carry a fraction, as text, since the API has no floats; empty where it is not known."""


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Schema extra that makes the API server enforce (expression, message) rules on the object."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


MIN_NOT_ABOVE_MAX = ("self.min <= self.max", "min must not be above max")


class ApiModel(BaseModel):
    """camelCase in JSON, snake_case in Python, immutable once parsed."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )
