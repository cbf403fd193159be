"""What people type to name a resource, checked before it becomes an argument."""

import re

from workers.errors import JobFailed
from workers.protocol.results import FailureKind

# https://developer.hashicorp.com/terraform/cli/state/resource-addressing
_NAME = r"[^\W\d-][\w-]*"
_KEY = r"(?:\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\])?"
_MODULES = rf"module\.{_NAME}{_KEY}(?:\.module\.{_NAME}{_KEY})*"
_ADDRESS = re.compile(rf"(?:{_MODULES}|(?:{_MODULES}\.)?(?:data\.)?{_NAME}\.{_NAME}{_KEY})")
_LONGEST = 4096


def insist_on_address(text: str) -> None:
    """Let only the address of a resource or module through.

    Raises:
        JobFailed: it is something else, perhaps an option.
    """
    if len(text) > _LONGEST or not _ADDRESS.fullmatch(text) or _has_control(text):
        raise JobFailed(
            FailureKind.STEP,
            f"`{text[:200]}` is not the address of a resource",
            "An address looks like aws_s3_bucket.logs, module.net.aws_subnet.a[0] or "
            "'module.net[\"eu\"].aws_subnet.a'. Quote it in the comment if it has quotes of its own.",
        )


def insist_on_id(text: str) -> None:
    """Let any id through that can be one argument. The provider decides what an id looks like.

    Raises:
        JobFailed: it is empty or cannot be handed over.
    """
    if not text or len(text) > _LONGEST or _has_control(text):
        raise JobFailed(FailureKind.STEP, "The id of what is to be imported is empty, too long or not printable")


def _has_control(text: str) -> bool:
    return any(character < " " or character == "\x7f" for character in text)
