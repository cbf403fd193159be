"""Nudges that follow a commit: what to look at, never what to do with it."""

from dataclasses import dataclass
from enum import StrEnum


class BellKind(StrEnum):
    """Who should look."""

    DELIVERY = "delivery"  # a stored delivery waits to be handled
    BEGIN = "begin"  # a run may begin
    RELAY = "relay"  # jobs are queued
    PUBLISH = "publish"  # a pull's outbox has something to say


@dataclass(frozen=True)
class Bell:
    """Look at this row. Losing a bell costs one tick of the reconcile loop."""

    kind: BellKind
    subject: str
