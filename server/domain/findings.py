"""What an examination of the installation found: one row a matter, each with what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a matter stands. What could not be found out is never a `GOOD`."""

    GOOD = "good"
    WARNING = "warning"  # works, and will surprise somebody
    BAD = "bad"  # does not work
    UNKNOWN = "unknown"  # could not be looked at


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One matter: what was looked at, what was found, and what to do now (empty when all is well)."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""
