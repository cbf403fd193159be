"""Which forges there are, each with its credential: from the settings of one, or from a file of several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field, SecretStr

from server.config.loading import ConfigMistake, ConfigMistaken, Section, line_of, load, spell
from server.config.settings import PREFIX, Settings, base_url

FILE_NAME = "forges.yaml"
_PREFIXES = ("github", "gitlab")  # of the settings that describe one forge each
_SECRETS = ("token", "app_key", "webhook_secret")


@dataclass(frozen=True, kw_only=True)
class ForgeEntry:
    """One forge with one credential, as it was configured; `place` says where, for messages.

    `owners` are glob patterns of whose repositories the credential serves. `write_interval` is in seconds.
    """

    place: str
    kind: str
    url: str
    owners: tuple[str, ...] = ("*",)
    user: str | None = None
    token: str = field(default="", repr=False)
    app_id: int | None = None
    app_key: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    ca_file: Path | None = None
    write_interval: float = 0.0


class _Entry(Section):
    kind: str
    url: Annotated[str, AfterValidator(base_url)]
    owners: list[str] = Field(default=["*"], min_length=1)
    user: str | None = None
    token: str | None = Field(None, repr=False)
    token_file: str | None = None
    app_id: int | None = None
    app_key: str | None = Field(None, repr=False)
    app_key_file: str | None = None
    webhook_secret: str | None = Field(None, repr=False)
    webhook_secret_file: str | None = None
    ca_bundle: str | None = None
    write_interval: float = Field(0.0, ge=0, le=60, strict=False)


class _File(Section):
    forges: list[_Entry]


def load_forges(settings: Settings) -> list[ForgeEntry]:
    """List every forge: that of the settings of each kind, then those of the file `FORGES`.

    In one-box mode `forges.yaml` in the data directory is read when `FORGES` is not set: the set-up page writes it.

    Raises:
        ConfigMistaken: with every mistake.
    """
    found = list(_from_settings(settings))
    path = settings.forges
    if path is None and settings.one_box and (settings.data_dir / FILE_NAME).exists():
        path = settings.data_dir / FILE_NAME
    if path is not None:
        found += _from_file(path)
    mistakes = [mistake for entry in found for mistake in _mistakes(entry)]
    if mistakes:
        raise ConfigMistaken(mistakes)
    return found


def _from_settings(settings: Settings) -> Iterator[ForgeEntry]:
    for kind in _PREFIXES:

        def given(name: str, kind: str = kind) -> Any:
            value = getattr(settings, f"{kind}_{name}", None)
            return value.get_secret_value() if isinstance(value, SecretStr) else value

        if given("token") or given("app_id"):
            yield ForgeEntry(
                place=f"{PREFIX}{kind.upper()}_",
                kind=kind,
                url=given("url"),
                user=given("user"),
                token=given("token") or "",
                app_id=given("app_id"),
                app_key=given("app_key") or "",
                webhook_secret=given("webhook_secret") or "",
                ca_file=given("ca_bundle"),
                write_interval=given("write_interval") or 0.0,
            )


def _from_file(path: Path) -> list[ForgeEntry]:
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"cannot be read: {error}")]) from error
    parsed, document = load(_File, text, file=file, secret=_SECRETS)
    mistakes: list[ConfigMistake] = []
    entries = []
    for index, entry in enumerate(parsed.forges):
        secrets: dict[str, str] = {}
        for name in _SECRETS:
            try:
                secrets[name] = _secret(entry, name, beside=path)
            except ValueError as error:
                at = ("forges", index, f"{name}_file")
                mistakes.append(ConfigMistake(file, line_of(document, at), spell(at), str(error)))
        place = f"{file}:{line_of(document, ('forges', index))}: forges[{index}]."
        entries.append(_entry(entry, secrets, place=place))
    if mistakes:
        raise ConfigMistaken(mistakes)
    return entries


def _entry(entry: _Entry, secrets: Mapping[str, str], *, place: str) -> ForgeEntry:
    return ForgeEntry(
        place=place,
        kind=entry.kind,
        url=entry.url,
        owners=tuple(entry.owners),
        user=entry.user,
        app_id=entry.app_id,
        ca_file=Path(entry.ca_bundle) if entry.ca_bundle else None,
        write_interval=entry.write_interval,
        **secrets,
    )


def _secret(entry: _Entry, name: str, *, beside: Path) -> str:
    """Read a secret that is given as itself or as a file; a relative one is beside the file that names it."""
    plain: str | None = getattr(entry, name)
    file: str | None = getattr(entry, f"{name}_file")
    if plain and file:
        raise ValueError(f"`{name}` is set as well; set one of the two")
    if file is None:
        return plain or ""
    try:
        return (beside.parent / file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {file}: {error}") from None


def _mistakes(entry: ForgeEntry) -> Iterator[ConfigMistake]:
    def spelled(name: str) -> str:
        return f"{entry.place}{name.upper() if entry.place.startswith(PREFIX) else name}"

    def mistake(name: str, message: str) -> ConfigMistake:
        return ConfigMistake(spelled(name), None, "", message)

    if entry.token and entry.app_id is not None:
        yield mistake("app_id", "set a token or an App, not both")
    if not entry.token and entry.app_id is None:
        yield mistake("token", "required, unless `app_id` and `app_key` are set")
    if entry.app_id is not None and not _is_rsa_key(entry.app_key):
        yield mistake("app_key", "required with the App's id: its private RSA key, the PEM file that the forge gave")
    if not entry.webhook_secret:
        yield mistake("webhook_secret", "required, so that nobody else can send events")
    if entry.ca_file is not None and not entry.ca_file.is_file():
        yield mistake("ca_bundle", f"there is no file {entry.ca_file}")


def _is_rsa_key(text: str) -> bool:
    try:
        return isinstance(load_pem_private_key(text.encode(), password=None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # a TypeError is a key that wants a password
        return False


def forge_mistakes(settings: Settings) -> list[str]:
    """Say what is wrong with the forges; none at all is one box's way to begin, with the set-up page."""
    try:
        found = load_forges(settings)
    except ConfigMistaken as error:
        return [str(mistake) for mistake in error.mistakes]
    if found or settings.one_box:
        return []
    names = ("GITHUB_TOKEN", "GITHUB_APP_ID", "GITLAB_TOKEN", "FORGES")
    return [f"no forge is configured; set one of {', '.join(f'{PREFIX}{name}' for name in names)}"]
