"""What we read of a Deployment, checked once at the door: further in, nothing is missing that must be there. Pure."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import TargetNotUnderstood

Count = Annotated[int, Field(ge=0)]
Percentage = Annotated[str, Field(pattern="^[0-9]{1,6}%$")]


def checked_deployment(body: Json) -> Json:
    """The Deployment without nulls in what we read; whatever else it holds stays.

    Raises:
        TargetNotUnderstood: it is not what the API of Kubernetes promises; the message names the first field.
    """
    try:
        return _Deployment.model_validate(body).model_dump(by_alias=True, exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise TargetNotUnderstood(f"the Deployment cannot be read: {field}: {first['msg']}") from error


class _Part(BaseModel):
    """`apps/v1` as far as we read it; an optional field may be absent or null."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", strict=True)


class _Variable(_Part):
    name: str
    value: str | None = None
    value_from: Json | None = None


class _Port(_Part):
    name: str | None = None


class _Resources(_Part):
    limits: dict[str, str] | None = None


class _Container(_Part):
    name: str
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    env_from: list[Json] | None = None
    ports: list[_Port] | None = None
    resources: _Resources | None = None


class _PodSpec(_Part):
    containers: list[_Container]


class _Template(_Part):
    metadata: Json | None = None
    spec: _PodSpec


class _Requirement(_Part):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(_Part):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Requirement] | None = None


class _RollingUpdate(_Part):
    max_surge: Count | Percentage | None = None
    max_unavailable: Count | Percentage | None = None


class _Strategy(_Part):
    type: str | None = None
    rolling_update: _RollingUpdate | None = None


class _Spec(_Part):
    replicas: Count | None = None
    strategy: _Strategy | None = None
    selector: _Selector
    template: _Template


class _Status(_Part):
    observed_generation: Count | None = None
    replicas: Count | None = None
    updated_replicas: Count | None = None


class _Metadata(_Part):
    uid: str
    resource_version: str
    generation: Count | None = None
    managed_fields: list[Json] | None = None


class _Deployment(_Part):
    metadata: _Metadata
    spec: _Spec
    status: _Status | None = None
