"""The command `thera`."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

import click

from server import bootstrap
from server.config.keys import with_generated_keys
from server.config.loading import ConfigMistaken
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
from server.observability import set_up_logging
from server.version import VERSION

T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="thera")
def main() -> None:
    """Plan and apply Terraform from pull requests."""


def _settings(check: Callable[[Settings], list[str]]) -> Settings:
    """Read the settings or end with every mistake."""
    try:
        settings = load_settings(os.environ)
        mistakes = check(settings)
    except SettingsMistaken as error:
        mistakes = list(error.mistakes)
        settings = None
    if mistakes or settings is None:
        click.echo("Thera cannot start:", err=True)
        for mistake in mistakes:
            click.echo(f"  - {mistake}", err=True)
        sys.exit(2)
    set_up_logging(level=settings.log_level, form=settings.log_format)
    return settings


def _until_told_to_stop() -> None:
    """Wait for SIGTERM or SIGINT."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signal module's signature)
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not told.wait(1):
        pass


def _serve(*, web: bool, reactor: bool) -> None:
    settings = _settings(server_mistakes)
    try:
        running = bootstrap.make_server(with_generated_keys(settings), web=web, reactor=reactor)
    except ConfigMistaken as error:
        click.echo(f"Thera cannot start:\n{error}", err=True)
        sys.exit(2)
    running.start()
    _until_told_to_stop()
    logging.getLogger(__name__).info("stopping")
    sys.exit(0 if running.stop() else 1)


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
    settings = _settings(worker_mistakes)
    running = bootstrap.make_separate_worker(settings)
    running.start()
    _until_told_to_stop()
    sys.exit(0 if running.stop() else 1)


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date; a server does this at its start as well."""
    bootstrap.migrate_database(with_generated_keys(_settings(lambda _: [])))
    click.echo("The database is up to date.")


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
    load_repo_file(file.read_text(encoding="utf-8"), file=str(file), base_branch="main")


def _mistakes_of(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ConfigMistaken as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def _environment_mistakes() -> list[str]:
    try:
        settings = load_settings(os.environ)
    except SettingsMistaken as error:
        return list(error.mistakes)
    for name, value in describe(settings):
        click.echo(f"{name}={value}")
    return server_mistakes(settings) + _mistakes_of(lambda: load_server_file(settings.repo_config))
