"""A parser's token names, as people say them."""

_OF_A_VALUE = {"TRUE", "FALSE", "NULL", "INT_LITERAL"}
_OF_A_STRING = {"STRING_CHARS", "DBLQUOTE"}
_OF_A_BODY = {"NAME"}
_SPOKEN = {
    "EQ": "`=`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "RSQB": "`]`",
    "RPAR": "`)`",
    "NL_OR_COMMENT": "a new line",
}
_SHOWN = 40


def expectation(found: str | None, expected: set[str]) -> str:
    """Say what was expected and what was found; `found` is None at the end of the file."""
    if found is not None and found.startswith("<<"):
        return f"the heredoc {_shown(found)} has no end"
    wanted = _wanted(expected)
    return f"expected {_listed(wanted)}, found {_shown(found)}" if wanted else f"found {_shown(found)}"


def _wanted(expected: set[str]) -> list[str]:
    if expected >= _OF_A_STRING:
        return ["a closing quote"]
    if expected >= _OF_A_VALUE:
        return ["a value", *_punctuation(expected & {"RSQB", "RPAR", "RBRACE"})]
    if expected >= _OF_A_BODY:
        return ["a name", *_punctuation(expected)]
    return _punctuation(expected) or (["the end of the file"] if "$END" in expected else [])


def _punctuation(expected: set[str]) -> list[str]:
    return [words for token, words in _SPOKEN.items() if token in expected]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(found: str | None) -> str:
    if found is None:
        return "the end of the file"
    if found.startswith("\n"):
        return "the end of the line"
    words = found.split()
    return f"`{words[0][:_SHOWN].replace('`', chr(39))}`" if words else "a blank"
