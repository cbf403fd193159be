"""Process settings: `THERA_<NAME>` from the environment, or `THERA_<NAME>_FILE` for what is secret."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError

from server.config.notices import Accounts, checked_headers, headers_of
from server.config.pull_settings import CommaList, PullSettings

PREFIX = "THERA_"


class SettingsMistaken(Exception):
    """The environment cannot be used as it is; `mistakes` lists everything wrong with it."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


def base_url(value: str) -> str:
    """Check an address and take the slashes off its end.

    Raises:
        ValueError: it is none.
    """
    if not re.match(r"https?://[^/\s]+", value):
        raise ValueError("expected an address such as https://thera.example.com")
    return value.rstrip("/")


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < 16:  # noqa: PLR2004  (explained by the message)
        raise ValueError("expected at least 16 characters")
    return value


def _api_commands(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value == ("none",):
        return ()
    for name in value or ():
        if name not in {"plan", "apply"}:
            raise ValueError(f"expected plan, apply, both, or none; found {name!r}")
    return value


def _open(value: SecretStr | None) -> str:
    return "" if value is None else value.get_secret_value()


BaseUrl = Annotated[str, AfterValidator(base_url)]
Key = Annotated[SecretStr | None, AfterValidator(_long_enough)]


class Settings(PullSettings):
    """Everything that can be set, with what it means. Field names in capitals are the names people type."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseUrl | None = Field(
        None,
        description="Public base address of this server, used in links. Default: `http://<HOST>:<PORT>`.",
    )
    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104  (a server listens)
    port: int = Field(4141, ge=0, le=65535, description="Port to listen on.")
    trusted_proxy: str | None = Field(
        None,
        description="Address of the reverse proxy whose `X-Forwarded-For` is believed, so that sign-in attempts are counted by person.",
    )
    data_dir: Path = Field(Path("~/.thera"), description="SQLite file, local artifacts, generated keys, caches.")
    database_url: str | None = Field(None, description="SQLAlchemy URL of the database. Default: SQLite in `DATA_DIR`.")
    broker_url: str = Field(
        "memory://", description="Celery broker. `memory://` is one-box mode: workers run inside the server."
    )
    artifact_url: str | None = Field(
        None,
        description="Where encrypted plans are kept: `file:///…`, `s3://bucket/prefix`, `gs://…`, `az://…`. Default: a folder in `DATA_DIR`.",
    )
    secret_key: Key = Field(
        None,
        description="Encrypts plans and signs sessions and job tokens; the same on every server. Generated into `DATA_DIR` in one-box mode.",
    )
    secret_key_previous: Key = Field(
        None, description="The former `SECRET_KEY`, still accepted for reading while keys are rotated."
    )
    worker_token: Key = Field(
        None, description="What workers present to the server. Generated into `DATA_DIR` in one-box mode."
    )

    forges: Path | None = Field(
        None,
        description="File that lists several forges, owners and credentials. Default: `forges.yaml` in `DATA_DIR`, if there is one, in one-box mode.",
    )
    github_url: BaseUrl = Field(
        "https://api.github.com",
        description="Base address of the GitHub API (GitHub Enterprise Server: `https://host/api/v3`).",
    )
    github_user: str | None = Field(
        None, description="Account that comments are written as. Default: asked of GitHub with the token."
    )
    github_token: SecretStr | None = Field(None, description="Personal access token.")
    github_app_id: int | None = Field(
        None, ge=1, description="Id of a GitHub App, instead of a token: it acts on all owners that installed it."
    )
    github_app_key: SecretStr | None = Field(None, description="Private key of the GitHub App (PEM).")
    github_webhook_secret: SecretStr | None = Field(
        None, description="Secret that GitHub signs webhooks with. Required with `GITHUB_TOKEN` or `GITHUB_APP_ID`."
    )
    github_ca_bundle: Path | None = Field(
        None, description="Certificates (PEM) to trust for GitHub Enterprise Server, if the system does not know them."
    )
    github_write_interval: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Least seconds between two writes to GitHub, as GitHub asks of integrations; set 0 for a private server.",
    )
    gitlab_url: BaseUrl = Field(
        "https://gitlab.com", description="Base address of GitLab, with its path if it has one."
    )
    gitlab_user: str | None = Field(
        None, description="Account that comments are written as. Default: asked of GitLab with the token."
    )
    gitlab_token: SecretStr | None = Field(
        None, description="Personal, group or project access token with the scope `api`."
    )
    gitlab_webhook_secret: SecretStr | None = Field(
        None, description="Secret token that GitLab sends with webhooks. Required with `GITLAB_TOKEN`."
    )
    gitlab_ca_bundle: Path | None = Field(
        None, description="Certificates (PEM) to trust for a self-managed GitLab, if the system does not know them."
    )
    gitlab_write_interval: float = Field(0.0, ge=0, le=60, description="Least seconds between two writes to GitLab.")

    api_tokens: CommaList = Field(
        (), description="Tokens for the JSON API, comma separated, each at least 16 characters."
    )
    api_commands: Annotated[CommaList, AfterValidator(_api_commands)] | None = Field(
        None,
        description="Commands that programs may give with an API token: `plan`, `apply`, both, or `none`. Default: both, but where `TEAM_ALLOWLIST` is set, only what it lets `*` do.",
    )
    api_wait: float = Field(
        30.0,
        ge=0,
        le=600,
        description="Seconds that `/api/plan` and `/api/apply` wait for the result before they answer with the run's address.",
    )
    web_username: str = Field("thera", description="Name to sign in to the pages with.")
    web_password: SecretStr | None = Field(
        None, description="Password to sign in to the pages with. Generated into `DATA_DIR` in one-box mode."
    )

    slack_token: SecretStr | None = Field(
        None, description="Token of a Slack app with the scope `chat:write`, for `webhooks` of the server file."
    )
    slack_url: BaseUrl = Field("https://slack.com/api", description="Base address of Slack's API.")
    webhook_http_headers: Annotated[SecretStr | None, AfterValidator(checked_headers)] = Field(
        None,
        description='Headers that outgoing webhooks of the kind `http` get, as a JSON object: `{"Authorization": "Bearer …"}`. A value may be a list.',
    )
    webhook_secret: Key = Field(
        None, description="Signs outgoing webhooks of the kind `http`: `X-Thera-Signature-256`. Default: no signature."
    )

    server_url: BaseUrl | None = Field(
        None, description="Worker: where the server is reached. Default in one-box mode: no network at all."
    )
    worker_concurrency: int | None = Field(
        None, ge=1, le=256, description="Jobs that one worker runs at a time. Default: the number of cores."
    )
    worker_pool: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]*$", description="Pool that this worker serves.")
    worker_name: str | None = Field(
        None, description="Name that people see. Default: the host's name and the process id."
    )
    checkout_dir: Path | None = Field(
        None,
        description="Where workers check out code; the same path on all workers of a pool, since a saved plan can contain it. Default: a folder in `DATA_DIR`.",
    )
    terraform_version: str | None = Field(
        None,
        pattern=r"^v?\d+\.\d+\.\d+(-[\w.]+)?$",
        description="Version used where a project asks for none. Default: the binary on the PATH.",
    )
    terraform_distribution: Literal["terraform", "opentofu"] = Field(
        "terraform", description="`terraform` or `opentofu`."
    )
    terraform_download_url: BaseUrl | None = Field(
        None, description="Mirror to download binaries from (releases layout). Default: no downloads."
    )
    terraform_signing_keys: Path | None = Field(
        None, description="Public OpenPGP keys (a file, or a folder of them) whose signature a download must bear."
    )
    module_credentials: bool = Field(
        False,
        description="Worker: lend `init` the credential of the checkout, for modules from repositories of the same host.",
    )
    var_file_allowlist: CommaList = Field(
        (),
        description="Worker: folders whose files a comment may name with `-- -var-file=`, besides those of the repository.",
    )

    heartbeat_seconds: float = Field(5.0, gt=0, le=300, description="How often a worker says that a job is alive.")
    lost_after_seconds: float = Field(
        30.0, gt=0, le=3600, description="Silence after which a job's worker is given up."
    )
    reconcile_seconds: float = Field(
        3.0, gt=0, le=300, description="How often everything is looked at again, whatever messages were lost."
    )
    poll_seconds: float = Field(
        600.0,
        ge=0,
        le=86400,
        description="How often open pulls are looked up at the forge in case a webhook never came; 0 never does.",
    )
    job_timeout_seconds: int = Field(3600, ge=10, le=7 * 86400, description="Longest time for one plan or apply.")
    stop_grace_seconds: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="On SIGTERM: how long running jobs may finish before they are interrupted.",
    )
    webhook_max_bytes: int = Field(25 * 1024 * 1024, ge=1024, description="Largest webhook body accepted.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="`json` writes one object a line.")

    @property
    def accounts(self) -> Accounts:
        """As whom others are told of applies."""
        return Accounts(
            slack_url=self.slack_url,
            slack_token=_open(self.slack_token),
            headers=headers_of(_open(self.webhook_http_headers) or "{}"),
            secret=_open(self.webhook_secret),
        )

    @property
    def one_box(self) -> bool:
        """Say whether workers run inside the server."""
        return self.broker_url.startswith("memory:")

    @property
    def word(self) -> str:
        """The trigger word used in answers."""
        return self.command_name[0]

    @property
    def status_prefix(self) -> str:
        """What commit statuses begin with."""
        return self.status_name or self.word

    @property
    def public_url(self) -> str:
        """What links begin with."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104  (a comparison)
        return self.url or f"http://{host}:{self.port}"


SECRETS = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation) or name in {"api_tokens", "database_url", "broker_url"}
)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from environment variables.

    Raises:
        SettingsMistaken: with every mistake, each naming the variable, what was wrong and what was expected.
    """
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or value == "":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in Settings.model_fields:
            values[name] = value
        elif name.removesuffix("_file") in Settings.model_fields:
            _read_file(variable, name.removesuffix("_file"), value, environ, values, mistakes)
        else:
            mistakes.append(_unknown(variable))
    try:
        settings = Settings(**values)
    except ValidationError as error:
        mistakes += [_explain(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsMistaken(mistakes) from None
    mistakes += _missing(settings)
    if mistakes:
        raise SettingsMistaken(mistakes)
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})


def _read_file(
    variable: str,
    name: str,
    path: str,
    environ: Mapping[str, str],
    values: dict[str, Any],
    mistakes: list[str],
) -> None:
    plain = f"{PREFIX}{name.upper()}"
    if environ.get(plain):
        mistakes.append(f"{variable}: {plain} is set as well; set one of the two")
        return
    try:
        values[name] = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"{variable}: cannot read {path}: {error}")


def _unknown(variable: str) -> str:
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    close = difflib.get_close_matches(variable, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; `thera check-config` lists what can be set"
    return f"{variable}: there is no such setting{hint}"


def _explain(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{str(item['loc'][0]).upper()}: {message[0].lower()}{message[1:]}"


def _missing(settings: Settings) -> list[str]:
    return [
        f"THERA_API_TOKENS: token {place} is shorter than 16 characters"
        for place, token in enumerate(settings.api_tokens, start=1)
        if len(token) < 16  # noqa: PLR2004  (explained by the message)
    ]


def server_mistakes(settings: Settings) -> list[str]:
    """Say what a server process lacks; a worker needs less."""
    mistakes = []
    if not settings.repo_allowlist:
        mistakes.append(
            "THERA_REPO_ALLOWLIST: required; list the repositories that may use this server, e.g. github.com/acme/*"
        )
    if not settings.one_box:
        mistakes += [
            f"{PREFIX}{name.upper()}: required when THERA_BROKER_URL is set, and the same on every server"
            for name in ("secret_key", "worker_token", "web_password")
            if getattr(settings, name) is None
        ]
        if settings.database_url is None:
            mistakes.append("THERA_DATABASE_URL: required when THERA_BROKER_URL is set; servers share one PostgreSQL")
        if settings.artifact_url is None:
            mistakes.append(
                "THERA_ARTIFACT_URL: required when THERA_BROKER_URL is set; every server has to read the plans of the "
                "others: s3://bucket/prefix, gs://…, az://…, or file:///… on a volume that all servers see"
            )
    return mistakes


def worker_mistakes(settings: Settings) -> list[str]:
    """Say what a separate worker process lacks."""
    mistakes = []
    if settings.one_box:
        mistakes.append("THERA_BROKER_URL: required for a separate worker, e.g. redis://redis:6379/0")
    mistakes += [
        f"{PREFIX}{name.upper()}: required for a separate worker"
        for name in ("server_url", "worker_token")
        if getattr(settings, name) is None
    ]
    return mistakes


def describe(settings: Settings) -> list[tuple[str, str]]:
    """List what is in force, secrets masked, as (variable, value)."""
    rows = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        shown = "" if value is None or value == () else str(value)
        if name in SECRETS and shown:
            shown = re.sub(r"//[^/@]*@", "//****@", shown) if name.endswith("_url") else "****"
        elif isinstance(value, tuple):
            shown = ",".join(value)
        rows.append((f"{PREFIX}{name.upper()}", shown))
    return rows
