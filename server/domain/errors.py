"""Errors, grouped by what happens next.

ServiceError
├── UserMistake   said back to the author, as a comment
├── Refused       said back to the author, with the rule and the way forward
├── TryLater      tried again with back-off; nobody is told until retries run out
└── Defect        logged with its traceback; the author gets an incident number
"""


class ServiceError(Exception):
    """Base of everything the server raises on purpose. The message is written for people."""


class UserMistake(ServiceError):
    """What was typed or configured cannot be done; the message says what was expected."""


class Refused(ServiceError):
    """A rule forbids it; the message names the rule and the way forward."""


class TryLater(ServiceError):
    """Something outside is not answering; `after_seconds` is its own wish, if it had one."""

    def __init__(self, message: str, *, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class Defect(ServiceError):
    """We are wrong."""
