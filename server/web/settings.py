"""What the web part is given by the composition root."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Keys and names. `ready` says of each part whether it works: True, False, or what is wrong in words.

    `api_wait` is how long a program that asked for a run waits for its end, `pause` how (in seconds) it waits between
    two looks. `stopping` says whether the process is about to end.
    """

    secret_key: str = field(repr=False)
    worker_token: str = field(repr=False)
    username: str
    password: str | None = field(repr=False)
    api_tokens: tuple[str, ...] = field(repr=False)
    secure_cookies: bool
    version: str
    ready: Callable[[], Mapping[str, bool | str]]
    api_wait: timedelta = timedelta(seconds=30)
    pause: Callable[[float], None] = time.sleep
    stopping: Callable[[], bool] = lambda: False
