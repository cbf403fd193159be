"""Keys of the server file that are about the server itself: read, checked, and answered by settings or not at all."""

from typing import Literal

from pydantic import Field, model_validator

from server.config.loading import Flag, Section, Text


class Statsd(Section):
    """Where Atlantis would send metrics. Thera sends none; it is asked for them at `/metrics`."""

    host: Text = Field(min_length=1, description="Without effect.")
    port: int = Field(ge=1, le=65535, strict=False, description="Without effect.")


class Prometheus(Section):
    """Where Atlantis would show metrics. Thera's are always at `/metrics`."""

    endpoint: Text = Field(min_length=1, description="Without effect: metrics are at /metrics.")


class Metrics(Section):
    """Accepted and without effect."""

    statsd: Statsd | None = Field(default=None, description="Without effect: Thera is asked, it does not send.")
    prometheus: Prometheus | None = Field(default=None, description="Without effect: metrics are at /metrics.")


class TeamAuthz(Section):
    """A command that decides who may do what. Thera's server runs no commands, so a file with it is refused."""

    command: Text = Field(min_length=1, description="Refused.")
    args: list[Text] = Field(default=[], description="Refused.")


class S3(Section):
    """A bucket in which Atlantis would keep plans."""

    bucket: Text = Field(min_length=1, description="Without effect.")
    region: Text = Field(min_length=1, description="Without effect.")
    prefix: Text | None = Field(default=None, description="Without effect.")
    endpoint: Text | None = Field(default=None, description="Without effect.")
    force_path_style: Flag | None = Field(default=None, description="Without effect.")
    profile: Text | None = Field(default=None, description="Without effect.")


class PlanStore(Section):
    """Where Atlantis would keep plans. Thera's place is the setting ARTIFACT_URL."""

    type: Literal["s3"] = Field(description="Without effect.")
    s3: S3 | None = Field(default=None, description="Without effect.")

    @model_validator(mode="after")
    def _bucket_is_said(self) -> "PlanStore":
        if self.s3 is None:
            raise ValueError("needs `s3`, with `bucket` and `region`")
        return self


class ExternalStores(Section):
    """Accepted and without effect."""

    plan_store: PlanStore | None = Field(default=None, description="Without effect: see the setting ARTIFACT_URL.")
