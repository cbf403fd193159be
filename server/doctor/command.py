"""`thera doctor`, on the command line."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from server.config.settings import Settings
from server.doctor.local import look_here
from server.doctor.remote import Remote, repair
from server.doctor.table import as_json, as_table, is_healthy
from server.domain.errors import ServiceError
from server.domain.findings import Finding
from server.domain.refs import RepoRef
from server.store.unit_of_work import Store


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is looked at."""

    settings: Settings
    store: Store
    remote: Remote


def examine(patient: Patient, names: Sequence[str], *, repairs: bool, yes: bool, is_json: bool) -> int:
    """Look at everything, write it down, and give the exit status: 1 if something is bad."""
    found: dict[str, Sequence[Finding]] = {
        "this installation": list(look_here(patient.settings, patient.store, now=datetime.now(UTC)))
    }
    repos = [_repo(name) for name in names] or _known(patient)
    for repo in repos:
        click.echo(f"looking at {repo} …", err=True)
        found[str(repo)] = list(patient.remote.look_at(repo))
        if repairs and _repaired(patient.remote, repo, found[str(repo)], agree=_agree(yes=yes)):
            found[str(repo)] = list(patient.remote.look_at(repo))
    if not repos:
        click.echo("No repository is known yet; name one: --repo host/owner/name", err=True)
    columns = shutil.get_terminal_size((100, 24)).columns
    click.echo(as_json(found) if is_json else as_table(found, width=min(columns, 120)))
    return 0 if is_healthy(found) else 1


def _repo(name: str) -> RepoRef:
    host, _, rest = name.partition("/")
    if "/" not in rest:
        raise click.BadParameter(f"{name!r} is no repository; write it as host/owner/name", param_hint="--repo")
    return RepoRef(host, rest)


def _known(patient: Patient) -> list[RepoRef]:
    """List the repositories that we know: from the database, and named in full on the allowlist."""
    listed = [rule for rule in patient.settings.repo_allowlist if "*" not in rule and not rule.startswith("!")]
    named = [_repo(rule.strip()) for rule in listed if rule.count("/") > 1]
    try:
        with patient.store.reading() as uow:
            named += uow.pulls.repos()
    except ServiceError:
        click.echo("The database does not answer, so only the allowlist tells of repositories.", err=True)
    return sorted({repo for repo in named if patient.remote.allowlist.allows(repo)}, key=str)


def _agree(*, yes: bool) -> Callable[[str], bool]:
    def agree(question: str) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            click.echo(f"{question} Not asked, since nobody is there to answer; give --yes.", err=True)
            return False
        return click.confirm(question, err=True)

    return agree


def _repaired(remote: Remote, repo: RepoRef, found: Sequence[Finding], *, agree: Callable[[str], bool]) -> bool:
    try:
        done = repair(remote, repo, found, agree)
    except ServiceError as error:
        click.echo(f"{repo}: not repaired: {error}", err=True)
        return False
    if done:
        click.echo(f"{repo}: {done}", err=True)
    return done is not None
