"""What the web part is given by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Keys and names. `ready` says of each part whether it works: True, False, or what is wrong in words."""

    secret_key: str = field(repr=False)
    worker_token: str = field(repr=False)
    username: str
    password: str | None = field(repr=False)
    api_tokens: tuple[str, ...] = field(repr=False)
    secure_cookies: bool
    version: str
    ready: Callable[[], Mapping[str, bool | str]]
