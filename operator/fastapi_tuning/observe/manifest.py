"""What we read of a Deployment and its pods, checked once at the door: further in nothing that must be is missing."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
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
    return _checked(_Deployment, body, "the Deployment")


def checked_pods(body: Json) -> list[Json]:
    """The pods of a list, as `checked_deployment` has the Deployment.

    Raises:
        TargetNotUnderstood: one of them is not what the API of Kubernetes promises; the message names the first field.
    """
    pods: list[Json] = _checked(_Pods, body, "the list of pods")["items"]
    return pods


def _checked(model: type[BaseModel], body: Json, what: str) -> Json:
    try:
        return model.model_validate(body).model_dump(by_alias=True, exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise TargetNotUnderstood(f"{what} cannot be read: {field}: {first['msg']}") from error


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a zone")
    return text


Moment = Annotated[str, AfterValidator(_moment)]
"""metav1.Time, as text."""


class _Part(BaseModel):
    """`apps/v1` and `v1` as far as we read them; an optional field may be absent or null."""

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


class _FieldReference(_Part):
    field_path: str


class _File(_Part):
    field_ref: _FieldReference | None = None


class _DownwardApi(_Part):
    items: list[_File] | None = None


class _Volume(_Part):
    downward_api: Annotated[_DownwardApi | None, Field(alias="downwardAPI")] = None


class _RunningSpec(_Part):
    volumes: list[_Volume] | None = None


class _Condition(_Part):
    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: Moment | None = None


class _Waiting(_Part):
    reason: str | None = None


class _Terminated(_Part):
    reason: str | None = None
    finished_at: Moment | None = None


class _State(_Part):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(_Part):
    name: str
    state: _State | None = None
    last_state: _State | None = None


class _PodStatus(_Part):
    phase: str | None = None
    conditions: list[_Condition] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    container_statuses: list[_ContainerStatus] | None = None


class _PodMetadata(_Part):
    name: str
    creation_timestamp: Moment | None = None
    annotations: dict[str, str] | None = None


class _Pod(_Part):
    metadata: _PodMetadata
    spec: _RunningSpec | None = None
    status: _PodStatus | None = None


class _Pods(_Part):
    items: list[_Pod]
