"""The command `thera`."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from server import bootstrap
from server.atlantis.command import import_atlantis
from server.comments.overrides import TemplatesMistaken, load_words
from server.config.forges import forge_mistakes
from server.config.keys import with_generated_keys
from server.config.loading import ConfigMistake, ConfigMistaken
from server.config.repo_file import load_repo_file
from server.config.server_file import load_server_file
from server.config.settings import (
    Settings,
    SettingsMistaken,
    describe,
    load_settings,
    server_mistakes,
    worker_mistakes,
)
from server.doctor.command import examine
from server.domain.errors import TryLater, UserMistake
from server.forges.allowlist import Allowlist
from server.observability import set_up_logging
from server.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="thera")
def main() -> None:
    """Plan and apply Terraform from pull requests."""


main.add_command(import_atlantis)


def _settings(check: Callable[[Settings], list[str]]) -> Settings:
    """Read the settings or end with every mistake."""
    try:
        settings = load_settings(os.environ)
        mistakes = check(settings)
    except SettingsMistaken as error:
        mistakes = list(error.mistakes)
        settings = None
    if mistakes or settings is None:
        _cannot_start(mistakes)
    set_up_logging(level=settings.log_level, form=settings.log_format)
    return settings


def _cannot_start(mistakes: Sequence[str]) -> NoReturn:
    click.echo("Thera cannot start:", err=True)
    for mistake in mistakes:
        click.echo(f"  - {mistake}", err=True)
    sys.exit(2)


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Say what keeps Thera from starting in words, where somebody can do something about it."""
    try:
        yield
    except ConfigMistaken as error:
        _cannot_start([str(mistake) for mistake in error.mistakes])
    except TemplatesMistaken as error:
        _cannot_start(error.mistakes)
    except (UserMistake, TryLater, OSError) as error:
        _cannot_start([str(error)])


def _until_told_to_stop(also: threading.Event | None = None) -> None:
    """Wait for SIGTERM or SIGINT, or for what is `also` waited for."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signal module's signature)
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not told.wait(1) and not (also is not None and also.is_set()):
        pass


def _part_mistakes(settings: Settings) -> list[str]:
    """Say what a server process lacks that is only a part of a server."""
    if settings.one_box:
        return ["THERA_BROKER_URL: required to run the parts of a server apart; `thera server` runs all of it"]
    return _server_mistakes(settings)


def _server_mistakes(settings: Settings) -> list[str]:
    return server_mistakes(settings) + forge_mistakes(settings)


def _serve(*, web: bool, reactor: bool) -> None:
    bootstrap.begin_process()
    settings = _settings(_server_mistakes if web and reactor else _part_mistakes)
    again = threading.Event()
    with _starting():
        # A moment later, so that the page that asked for it is answered first.
        restart = partial(_set_soon, again)
        running = bootstrap.make_server(with_generated_keys(settings), web=web, reactor=reactor, restart=restart)
    running.start()
    _until_told_to_stop(again)
    logging.getLogger(__name__).info("stopping")
    ended = running.stop()
    if again.is_set():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  (this very command, once more)
    sys.exit(0 if ended else 1)


def _set_soon(event: threading.Event) -> None:
    timer = threading.Timer(1, event.set)
    timer.daemon = True
    timer.start()


@main.command()
def server() -> None:
    """Run the server: web, reactor and, without a broker, workers: a complete installation."""
    _serve(web=True, reactor=True)


@main.command()
def web() -> None:
    """Run the web part of a server only (webhooks, pages, API)."""
    _serve(web=True, reactor=False)


@main.command()
def reactor() -> None:
    """Run the deciding part of a server only."""
    _serve(web=False, reactor=True)


@main.command()
def worker() -> None:
    """Run a worker that reaches its server over HTTP."""
    bootstrap.begin_process()
    settings = _settings(worker_mistakes)
    with _starting():
        running = bootstrap.make_separate_worker(settings)
    running.start()
    _until_told_to_stop()
    sys.exit(0 if running.stop() else 1)


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date; a server does this at its start as well."""
    settings = _settings(lambda _: [])
    with _starting():
        bootstrap.migrate_database(with_generated_keys(settings))
    click.echo("The database is up to date.")


@main.command()
@click.option("--repo", "repos", multiple=True, help="host/owner/name; may be given several times.")
@click.option("--repair", is_flag=True, help="Make webhooks that are missing, and correct those that are wrong.")
@click.option("--yes", is_flag=True, help="Do not ask before a repair.")
@click.option("--json", "is_json", is_flag=True, help="Write the findings as JSON.")
def doctor(repos: tuple[str, ...], repair: bool, yes: bool, is_json: bool) -> None:  # noqa: FBT001  (click's flags)
    """Look at the installation and at each forge; say what is wrong and what to do. Ends with 1 if something is bad."""
    settings = _settings(_server_mistakes)
    with _starting():
        patient = bootstrap.make_patient(with_generated_keys(settings))
    sys.exit(examine(patient, repos, repairs=repair, yes=yes, is_json=is_json))


@main.command("check-config")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_config(files: tuple[Path, ...]) -> None:
    """Check the environment, the server file and any repository FILES; list every mistake at once."""
    mistakes: list[str] = []
    for file in files:
        mistakes += _mistakes_of(partial(_check_repo_file, file))
    if not files:
        mistakes += _environment_mistakes()
    for mistake in mistakes:
        click.echo(mistake, err=True)
    if mistakes:
        sys.exit(1)
    click.echo("No mistakes found.")


def _check_repo_file(file: Path) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMistaken([ConfigMistake(str(file), None, "", f"cannot be read: {error}")]) from error
    load_repo_file(text, file=str(file), base_branch="main")


def _mistakes_of(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ConfigMistaken as error:
        return [str(mistake) for mistake in error.mistakes]
    except UserMistake as error:
        return str(error).splitlines()
    return []


def _environment_mistakes() -> list[str]:
    try:
        settings = load_settings(os.environ)
    except SettingsMistaken as error:
        return list(error.mistakes)
    for name, value in describe(settings):
        click.echo(f"{name}={value}")
    mistakes = _server_mistakes(settings) + _mistakes_of(lambda: Allowlist.parse(settings.repo_allowlist))
    mistakes += _mistakes_of(lambda: load_server_file(settings.repo_config, has_slack=settings.slack_token is not None))
    return mistakes + _mistakes_of(lambda: load_words(settings.template_dir))
