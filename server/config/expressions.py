"""Regular expressions of configuration files, which are written for Go's engine and run by Python's."""

import re

_POSIX = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:upper:]": "A-Z",
    "[:word:]": r"\w",
    "[:xdigit:]": "0-9a-fA-F",
}
_FOREIGN = re.compile(r"(?<!\\)(?:\\\\)*(\\[pPQEC])")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPETITION = re.compile(r"[*+]|\{\d")
_ALTERNATIVE = re.compile(r"\||(?<![(*+?}])\?")
_LONGEST = 500
# Ways to match a branch name of 255 characters, as powers of two, by the number of repetitions; and what is too many.
_WAYS = (0, 8, 15, 21, 27)
_MOST_WAYS = 27


def compiled(text: str) -> re.Pattern[str]:
    """Compile an expression, giving Go's spellings Python's.

    Raises:
        ValueError: it is not one, or has a construct of Go's that Python lacks.
    """
    if found := _FOREIGN.search(text):
        raise ValueError(f"not a regular expression that Thera understands: `{found[1]}` is not supported")
    for name, characters in _POSIX.items():
        text = text.replace(name, characters)
    # Go's `$` is the very end; Python's may be before a last newline.
    text = re.sub(r"(?<!\\)\\z", r"\\Z", text)
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None


def between_slashes(value: str) -> str:
    """Check an expression that is written between slashes.

    Raises:
        ValueError: it is not.
    """
    if not re.fullmatch(r"/.+/", value):
        raise ValueError("must be a regular expression between slashes, such as /^main$/")
    compiled(value[1:-1])
    return value


def modest(value: str) -> str:
    """Check an expression of somebody who must not be able to keep the server busy with it.

    Python's engine tries every way to divide a text between repetitions: `(a+)+` on forty letters takes years.

    Raises:
        ValueError: it could take too long.
    """
    bare = re.sub(r"\\.", "x", value)
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare)  # within a class these are ordinary characters
    anchored = value.startswith("/^") and "|" not in bare
    repetitions = len(_REPETITION.findall(bare)) + (not anchored)  # it is tried from every character on
    if len(value) > _LONGEST or repetitions >= len(_WAYS) or _REPEATED_GROUP.search(bare):
        raise ValueError(_TOO_MUCH)
    if _WAYS[repetitions] + len(_ALTERNATIVE.findall(bare)) > _MOST_WAYS:
        raise ValueError(_TOO_MUCH)
    return value


_TOO_MUCH = (
    "could take the server too long: repeat no group (`(a|b)+`), repeat at most four times (three, if it does not "
    "begin with `^` or has `|`), and give few alternatives"
)


def found_in(value: str | None, text: str) -> bool:
    """Search a text for an expression between slashes; none at all is found everywhere."""
    return value is None or compiled(value[1:-1]).search(text) is not None
