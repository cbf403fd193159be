"""The command `thera import-atlantis`: an Atlantis server's configuration into Thera's settings."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from server.atlantis.carry import Carried, carry
from server.atlantis.checking import still_needed
from server.atlantis.reading import read
from server.atlantis.telling import env_lines, report_lines
from server.config.loading import ConfigMistaken
from server.domain.errors import UserMistake

_MISTAKEN = 2
_FILE = click.Path(path_type=Path)


@click.command("import-atlantis")
@click.option("--config", type=_FILE, help="Its configuration file (YAML), as in `atlantis server --config FILE`.")
@click.option("--env-file", type=_FILE, help="A file of its variables, ATLANTIS_<FLAG>=value.")
@click.option("--output", type=_FILE, help="Write here, with secrets, for your account alone. Default: the terminal.")
@click.option("--force", is_flag=True, help="Overwrite what --output names.")
@click.option("--strict", is_flag=True, help="End with status 1 if something cannot be carried over or is missing.")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def import_atlantis(
    config: Path | None,
    env_file: Path | None,
    output: Path | None,
    flags: tuple[str, ...],
    *,
    force: bool,
    strict: bool,
) -> None:
    """Turn an Atlantis server's configuration into Thera's settings.

    FLAGS of the server may follow after two dashes: thera import-atlantis -- --gh-user=bot --automerge. They win over
    the env file, which wins over the configuration file.
    """
    if config is None and env_file is None and not flags:
        _end(["say what to read: --config FILE, --env-file FILE, or flags of the server after --"])
    try:
        carried = carry(read(config=config, env_file=env_file, words=flags))
    except ConfigMistaken as error:
        _end([str(mistake) for mistake in error.mistakes])
    needed = still_needed(carried)
    if output is None:
        click.echo("\n".join(env_lines(carried, files=None)))
    else:
        try:
            _write(carried, output, force=force)
        except (UserMistake, OSError) as error:
            _end([str(error)])
    for line in report_lines(carried, needed):
        click.echo(line, err=True)
    if strict and (carried.lost or needed):
        sys.exit(1)


def _end(mistakes: list[str]) -> NoReturn:
    for mistake in mistakes:
        click.echo(mistake, err=True)
    sys.exit(_MISTAKEN)


def _write(carried: Carried, output: Path, *, force: bool) -> None:
    """Write the file and those beside it, the file itself last.

    Raises:
        UserMistake: one of them is there already.
        OSError: one cannot be written.
    """
    output = output.absolute()
    beside = {one.name: output.with_name(f"{output.name}.{one.file}") for one in carried.variables if one.file}
    contents = {beside[one.name]: one.value for one in carried.variables if one.file}
    lines = env_lines(carried, files={name: str(path) for name, path in beside.items()})
    contents[output] = "\n".join(lines) + "\n"
    there = [str(path) for path in contents if path.exists()]
    if there and not force:
        raise UserMistake(f"{', '.join(there)}: there already; name another file, or overwrite with --force")
    for path, text in contents.items():
        _write_one(path, text)


def _write_one(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    # Made anew and never followed as a link: nobody else has it open, or can have put it there.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
