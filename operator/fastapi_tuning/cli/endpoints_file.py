"""The operator's settings of metrics endpoints: a file that whoever installs the operator writes, and no user of it.

An object names an endpoint and cannot give an address, so it cannot have the operator call one.
"""

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from fastapi_tuning.api.model import Label
from fastapi_tuning.errors import CannotStart
from fastapi_tuning.observe.prometheus import PrometheusEndpoint

DEFAULT = "default"


class _Settings(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid", hide_input_in_errors=True)


class EndpointSettings(_Settings):
    """Where one Prometheus is and how it lets us in; files hold what is secret."""

    url: Annotated[str, Field(pattern=r"^https?://[^/@\s]+(/[^@\s]*)?$", max_length=2048)]
    """Base address, without user and password."""
    token_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    ca_file: Path | None = None
    tenant: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[!-~]+$")] | None = None

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.username_file is None) != (self.password_file is None):
            raise ValueError("usernameFile goes with passwordFile")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificateFile goes with keyFile")
        if self.token_file is not None and self.username_file is not None:
            raise ValueError("give a token file or a user and password, not both")
        return self

    def endpoint(self) -> PrometheusEndpoint:
        return PrometheusEndpoint(**dict(self))


class _EndpointsFile(_Settings):
    endpoints: Annotated[dict[Label, EndpointSettings], Field(min_length=1, max_length=100)]


def read_endpoints(file: Path) -> dict[str, PrometheusEndpoint]:
    """Endpoints by name.

    Raises:
        CannotStart: the file cannot be read, or what it says is no settings; the message names the field.
    """
    try:
        found = _EndpointsFile.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise CannotStart(f"settings of metrics endpoints in {file}: {problems}") from error
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:  # YAML reads numbers and dates that are none
        raise CannotStart(f"settings of metrics endpoints in {file}: {type(error).__name__}") from error
    return {name: settings.endpoint() for name, settings in found.endpoints.items()}
