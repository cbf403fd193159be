"""An Atlantis server's configuration into Thera's settings, and into words about what that could not say."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.atlantis.flags import FLAGS
from server.atlantis.outcomes import Becomes, Flag, NotNeeded, NotYet, PartOf, Replaced
from server.atlantis.reading import Configuration
from server.config.settings import PREFIX, SECRETS

OPENTOFU_RELEASES = "https://github.com/opentofu/opentofu/releases/download/v{version}"
DEFAULT = "Atlantis's default"
_EVERY_REPOSITORY = "/.*/"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One variable to set, and the flags that it comes from, each with its place.

    With a `file` (the end of a name), the value is what has to stand in a file, and the variable names that file.
    """

    name: str
    value: str = field(repr=False)
    origins: tuple[str, ...]
    secret: bool = False
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A flag that was set and did not become a variable: why, and what to do about it."""

    flag: str
    place: str
    why: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Everything that came of a configuration.

    `lost` is what Thera cannot do today, `elsewhere` what it does in another way, `needless` what needs no word here.
    `to_do` are sentences about what a person still has to do or to look at.
    """

    variables: tuple[Variable, ...]
    lost: tuple[Note, ...] = ()
    elsewhere: tuple[Note, ...] = ()
    needless: tuple[Note, ...] = ()
    to_do: tuple[str, ...] = ()


@dataclass
class _Gathered:
    """What flags that belong together have come to so far."""

    variables: list[Variable] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)


def carry(configuration: Configuration) -> Carried:
    """Say everything in Thera's settings that they can say."""
    gathered = _Gathered()
    for make in _TOGETHER:
        make(configuration, gathered)
    variables = [*_one_by_one(configuration), *gathered.variables]
    notes: dict[type, list[Note]] = {NotYet: [], Replaced: [], NotNeeded: []}
    for given in configuration.given.values():
        outcome = given.flag.outcome
        if given.value in {given.flag.default, ""} or isinstance(outcome, (Becomes, PartOf)):
            continue  # to say what Atlantis does anyway loses nothing
        notes[type(outcome)].append(_note(given.flag, given.place))
    return Carried(
        variables=tuple(sorted(variables, key=lambda one: one.name)),
        lost=tuple(notes[NotYet]),
        elsewhere=tuple(notes[Replaced]),
        needless=tuple(notes[NotNeeded]),
        to_do=(*gathered.to_do, *_to_look_at(configuration)),
    )


def _note(flag: Flag, place: str) -> Note:
    match flag.outcome:
        case NotYet(reason=reason, remedy=remedy):
            return Note(flag=flag.option, place=place, why=reason, remedy=remedy or "Nothing can be set for it.")
        case Replaced(by=by, reason=reason):
            return Note(flag=flag.option, place=place, why=reason, remedy=f"See {by}.")
        case NotNeeded(reason=reason):
            return Note(flag=flag.option, place=place, why=reason)
        case Becomes() | PartOf():
            raise ValueError(f"{flag.option} is carried over")


def _one_by_one(configuration: Configuration) -> Iterator[Variable]:
    for flag in FLAGS.values():
        outcome = flag.outcome
        if not isinstance(outcome, Becomes):
            continue
        given = configuration.given.get(flag.name)
        if given is not None:
            value, place = given.value, given.place
        elif outcome.even_if_unset and flag.default is not None:
            value, place = flag.default, DEFAULT
        else:
            continue
        text = outcome.convert(value)
        if text:
            name = f"{PREFIX}{outcome.setting.upper()}{'_FILE' if outcome.as_file else ''}"
            secret = flag.secret or (outcome.setting in SECRETS and not outcome.as_file)
            yield _kept(Variable(name=name, value=text, origins=(_origin(flag, place),), secret=secret))


def _kept(variable: Variable) -> Variable:
    """Put into a file of its own what is not read alike everywhere between quotes, such as the lines of a key."""
    is_awkward = any(character in "'\\" or not character.isprintable() for character in variable.value)
    if not is_awkward or variable.name.endswith("_FILE"):
        return variable
    setting = variable.name.removeprefix(PREFIX).lower()
    return Variable(
        name=f"{variable.name}_FILE",
        value=variable.value,
        origins=variable.origins,
        secret=variable.secret,
        file=setting.replace("_", "-"),
    )


def _origin(flag: Flag, place: str) -> str:
    return f"{flag.option} ({place})"


def _origins(configuration: Configuration, *names: str) -> tuple[str, ...]:
    given = (configuration.given.get(name) for name in names)
    return tuple(_origin(one.flag, one.place) for one in given if one is not None)


def _distribution(configuration: Configuration, gathered: _Gathered) -> None:
    names = ("default-tf-distribution", "tf-distribution")
    name = next((one for one in names if one in configuration.given and configuration.value(one)), None)
    if name is not None:
        value = str(configuration.value(name))
        gathered.variables.append(
            Variable(name=f"{PREFIX}TERRAFORM_DISTRIBUTION", value=value, origins=_origins(configuration, name))
        )


def _downloads(configuration: Configuration, gathered: _Gathered) -> None:
    if not configuration.value("tf-download"):
        return
    url, usual = str(configuration.value("tf-download-url")), FLAGS["tf-download-url"].default
    distributions = {configuration.value("default-tf-distribution"), configuration.value("tf-distribution")}
    if url in {"", usual}:
        url = OPENTOFU_RELEASES if "opentofu" in distributions else str(usual)
    origins = _origins(configuration, "tf-download", "tf-download-url") or (f"--tf-download ({DEFAULT})",)
    gathered.variables.append(Variable(name=f"{PREFIX}TERRAFORM_DOWNLOAD_URL", value=url, origins=origins))
    gathered.to_do.append(
        f"Set {PREFIX}TERRAFORM_SIGNING_KEYS: what is downloaded has to be signed by somebody whom you trust, and "
        f"Thera brings no keys. If workers have every version they need, take {PREFIX}TERRAFORM_DOWNLOAD_URL out."
    )


def _teams(configuration: Configuration, gathered: _Gathered) -> None:
    names = ("gh-team-allowlist", "gitlab-group-allowlist")
    given = [str(configuration.value(name)) for name in names if configuration.value(name)]
    if given:
        rules = ",".join(part.strip() for text in given for part in text.split(",") if part.strip())
        origins = _origins(configuration, *names)
        gathered.variables.append(Variable(name=f"{PREFIX}TEAM_ALLOWLIST", value=rules, origins=origins))


def _silent_statuses(configuration: Configuration, gathered: _Gathered) -> None:
    names = ("silence-vcs-status-no-plans", "silence-vcs-status-no-projects")
    if any(configuration.value(name) for name in names):
        name, origins = f"{PREFIX}SILENCE_STATUS_NO_PROJECTS", _origins(configuration, *names)
        gathered.variables.append(Variable(name=name, value="true", origins=origins))


def _terraform_cloud(configuration: Configuration, gathered: _Gathered) -> None:
    token = configuration.value("tfe-token")
    if not token:
        return
    host = str(configuration.value("tfe-hostname"))
    variable = "TF_TOKEN_" + host.lower().replace("-", "__").replace(".", "_")
    origins = _origins(configuration, "tfe-token", "tfe-hostname")
    gathered.variables.append(Variable(name=variable, value=str(token), origins=origins, secret=True))
    gathered.to_do.append(f"Give {variable} to every worker: Terraform reads it there. One box is its own worker.")


def _server_file(configuration: Configuration, gathered: _Gathered) -> None:
    """Point to the server file, or write one: what flags say of all repositories is an entry at its beginning."""
    path, document = configuration.value("repo-config"), configuration.value("repo-config-json")
    content: dict[str, Any] = json.loads(str(document)) if document else {}
    entry = _of_all_repositories(configuration, may_check="policies" in content or bool(path))
    name = f"{PREFIX}REPO_CONFIG"
    webhooks = _webhooks(configuration, gathered)
    if path:
        if webhooks:
            gathered.to_do.append(f"Copy the key `webhooks` of Atlantis's configuration file into {path}, as it is.")
        origins = _origins(configuration, "repo-config")
        gathered.variables.append(Variable(name=name, value=str(path), origins=origins))
        if entry:
            gathered.to_do.append(f"Put this first under `repos:` in {path}: `- {json.dumps(entry)}`")
        if "enable-policy-checks" not in configuration.given:
            gathered.to_do.append(
                f"--enable-policy-checks was not set. If {path} has `policies`, Thera checks by them; put "
                "`policy_check: false` into an entry for all repositories if it shall not."
            )
        return
    if entry:
        content["repos"] = [entry, *(content.get("repos") or [])]
    if webhooks:
        content["webhooks"] = webhooks
    if content:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        origins = _origins(configuration, "repo-config-json", *(name for name, _, _ in _KEYS), "webhooks")
        secret = bool(webhooks)  # their addresses may let anybody in who knows them
        gathered.variables.append(Variable(name=name, value=text, origins=origins, file="repos.yaml", secret=secret))


def _webhooks(configuration: Configuration, gathered: _Gathered) -> list[object]:
    """Take the list over, but for those who would be told of drift."""
    listed = json.loads(str(configuration.value("webhooks") or "[]"))
    kept = [one for one in listed if not (isinstance(one, dict) and one.get("event") == "drift")]
    if len(kept) < len(listed):
        gathered.to_do.append(f"Of `webhooks`, {len(listed) - len(kept)} with the event `drift` cannot be kept yet.")
    return kept


def _of_all_repositories(configuration: Configuration, *, may_check: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for name, key, spelled in _KEYS:
        given = configuration.given.get(name)
        if given is not None and given.value not in {given.flag.default, ""}:
            entry[key] = spelled(given.value)
    # Atlantis does not check without the flag, whatever the file says. Of a file that was not read, nobody knows.
    is_known = "enable-policy-checks" in configuration.given or not configuration.value("repo-config")
    if may_check and is_known and configuration.value("enable-policy-checks") is False:
        entry["policy_check"] = False
    return {"id": _EVERY_REPOSITORY} | entry if entry else {}


# Flags that are a key of the server file, and how the key is written.
_KEYS: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("autodiscover-mode", "autodiscover", lambda value: {"mode": value}),
    ("checkout-strategy", "checkout", str),
    ("disable-repo-locking", "repo_locks", lambda _: {"mode": "disabled"}),
)
_TOGETHER: tuple[Callable[[Configuration, _Gathered], None], ...] = (
    _distribution,
    _downloads,
    _teams,
    _silent_statuses,
    _terraform_cloud,
    _server_file,
)


def _to_look_at(configuration: Configuration) -> Iterator[str]:
    for rule in str(configuration.value("repo-allowlist") or "").split(","):
        if "*" in rule.strip().removesuffix("*"):
            yield (
                f"Look at the rule {rule.strip()} of --repo-allowlist: Atlantis compares only what follows its first "
                "`*`, Thera all of it."
            )
    for name in ("gh-hostname", "gitlab-hostname"):
        token = {"gh-hostname": ("gh-token", "gh-token-file", "gh-app-id"), "gitlab-hostname": ("gitlab-token",)}[name]
        if name in configuration.given and not any(configuration.value(one) for one in token):
            yield f"--{name} is set, but none of {', '.join(f'--{one}' for one in token)} is: nothing is served there."
    if configuration.foreign:
        names = ", ".join(configuration.foreign)
        yield f"These variables are not Atlantis's and were left alone; give the workers what Terraform needs: {names}."


def as_environment(carried: Carried) -> Mapping[str, str]:
    """Give what the settings would read, with the content of files that are still to be written in their place."""
    found: dict[str, str] = {}
    for variable in carried.variables:
        if variable.name.startswith(PREFIX) and variable.name != f"{PREFIX}REPO_CONFIG":
            name = variable.name.removesuffix("_FILE") if variable.file else variable.name
            found[name] = variable.value
    return found
