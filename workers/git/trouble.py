"""What git complains about, in words for a pull request."""

import re
from enum import StrEnum

from workers.errors import JobFailed
from workers.protocol.results import FailureKind


class Trouble(StrEnum):
    """What kind of complaint it is; it decides what happens next."""

    ACCESS = "access"  # a person has to act
    GONE = "gone"  # the ref or the commit is not there any more
    NETWORK = "network"  # tried again
    FULL = "full"
    DAMAGED = "damaged"  # our copy is broken: thrown away and fetched anew
    OTHER = "other"


# The first that matches counts. Git speaks English here because we set LC_ALL.
_SIGNS = {
    Trouble.GONE: re.compile(
        r"couldn't find remote ref|not our ref|unadvertised object|no such ref|Server does not allow request"
    ),
    Trouble.FULL: re.compile(r"No space left on device|Disk quota exceeded"),
    Trouble.ACCESS: re.compile(
        r"Authentication failed|could not read (Username|Password)|repository .*not found|Access denied"
        r"|returned error: (401|403|404)|Permission denied \(|Host key verification failed"
        r"|does not appear to be a git repository|transport '.*' not allowed",
        re.IGNORECASE,
    ),
    Trouble.NETWORK: re.compile(
        r"could not resolve|Connection (refused|timed out|reset|closed)|Failed to connect|unable to access"
        r"|returned error: (429|5\d\d)|early EOF|hung up unexpectedly|unexpected disconnect|RPC failed"
        r"|Operation too slow|Operation timed out|Broken pipe",
        re.IGNORECASE,
    ),
    Trouble.DAMAGED: re.compile(
        r"not a git repository|bad object|corrupt|unable to (read|parse)|missing (blob|tree|commit|object)"
        r"|inflate|bad config|does not match index|index file|loose object|cannot lock ref|File exists"
        r"|invalid (object|sha1|HEAD)|not a valid object|reference is not a tree|bad signature|packfile|\.pack"
        r"|failed to read object",
        re.IGNORECASE,
    ),
}

_WORDS = {
    Trouble.ACCESS: "The repository was not found, or the credentials of this server may not read it",
    Trouble.GONE: "The commit is not in the repository any more",
    Trouble.NETWORK: "The Git server could not be reached",
    Trouble.FULL: "The worker's disk is full",
    Trouble.DAMAGED: "The worker's copy of the repository is damaged",
    Trouble.OTHER: "Git failed",
}


class GitFailed(JobFailed):
    """Git said no; `trouble` says about what."""

    def __init__(self, trouble: Trouble, *, command: str, said: str) -> None:
        super().__init__(FailureKind.GIT, f"{_WORDS[trouble]} (`git {command}`)", said.strip())
        self.trouble = trouble


def trouble_in(said: str) -> Trouble:
    """Recognise the trouble by git's own words."""
    ours = "\n".join(line for line in said.splitlines() if not line.startswith("remote:"))
    for trouble, sign in _SIGNS.items():
        # A remote that complains of its own damage does not mean our copy.
        if sign.search(ours if trouble is Trouble.DAMAGED else said):
            return trouble
    return Trouble.OTHER
