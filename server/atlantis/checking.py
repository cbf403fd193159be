"""What Thera would still miss with the settings that were carried over: asked of those who read them at its start."""

from collections.abc import Callable, Iterator
from pathlib import Path

from server.atlantis.carry import Carried, as_environment
from server.config.forges import forge_mistakes
from server.config.loading import ConfigMistaken, load
from server.config.server_file import ServerFile, load_server_file
from server.config.settings import PREFIX, SettingsMistaken, load_settings, server_mistakes
from server.domain.errors import UserMistake
from server.forges.allowlist import Allowlist

_NOWHERE = Path("/dev/null")  # a data directory in which this machine's own files are not found


def still_needed(carried: Carried) -> list[str]:
    """List the mistakes that a server would not start with, and what it could do nothing without."""
    needed = list(_in_settings(carried))
    for variable in carried.variables:
        if variable.name == f"{PREFIX}REPO_CONFIG":
            needed += _in_server_file(variable.value, is_content=bool(variable.file))
    return needed


def _in_settings(carried: Carried) -> Iterator[str]:
    try:
        settings = load_settings(as_environment(carried))
    except SettingsMistaken as error:
        yield from error.mistakes
        return
    settings = settings.model_copy(update={"data_dir": _NOWHERE})
    yield from server_mistakes(settings)
    yield from forge_mistakes(settings)
    yield from _told(lambda: Allowlist.parse(settings.repo_allowlist))
    has_forge = settings.github_token or settings.github_app_id or settings.gitlab_token
    if not has_forge:
        yield "No forge came over: set one up on the page that Thera opens with, or see THERA_FORGES."


def _in_server_file(value: str, *, is_content: bool) -> Iterator[str]:
    if is_content:
        yield from _told(lambda: load(ServerFile, value, file="the server file"))
    elif not Path(value).is_file():
        yield f"{PREFIX}REPO_CONFIG: {value} is not on this machine; copy it to where Thera runs, and check it there"
    else:
        yield from _told(lambda: load_server_file(Path(value)))


def _told(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ConfigMistaken as error:
        return [str(mistake) for mistake in error.mistakes]
    except UserMistake as error:
        return [str(error)]
    return []
