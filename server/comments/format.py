"""Values from outside into Markdown that shows them and does nothing else.

Whatever a stranger can choose (a resource's name, a comment's text, an error) passes one of these on its
way into a comment: it cannot mention, link, open or close anything, nor pass for one of our markers.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

INLINE_LIMIT = 300

# Control characters, line separators, and the marks that reorder text on screen ("Trojan source").
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE_IN_BLOCK = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_SPECIAL = re.compile(r"[\\`*{}\[\]<>#|~$&]|(?<!\w)_|_(?!\w)")
_MENTION = re.compile(r"@(?=[\w-])")
_TICKS = re.compile(r"`+")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_OUR_MARK = re.compile(r"<!--(?=\s*thera:)", re.IGNORECASE)


class Markdown(str):
    """Text that is already Markdown; templates print nothing else."""

    __slots__ = ()


def one_line(text: str, *, limit: int = INLINE_LIMIT) -> str:
    """Make text fit for the middle of a line: printable, without breaks, not endless."""
    text = _UNPRINTABLE.sub(" ", text).strip()
    text = text.replace("<!--", "<!- -").replace("-->", "- ->")
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def code(text: str, *, limit: int = INLINE_LIMIT) -> Markdown:
    """Quote text as inline code, whatever back-ticks it contains."""
    text = one_line(text, limit=limit)
    if not text:
        return Markdown("(empty)")
    ticks = "`" * (longest_run_of_ticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{ticks}{pad}{text}{pad}{ticks}")


def cell_code(text: str) -> Markdown:
    """Quote text as inline code inside a table, where a pipe would end the cell."""
    if "|" not in text:
        return code(text)
    text = _MENTION.sub("@\u200b", one_line(text))
    escaped = "".join(char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in text)
    return Markdown(f"<code>{escaped}</code>")


def md(text: str) -> Markdown:
    """Write plain text so that Markdown takes it literally. Never put it at the start of a line."""
    return Markdown(_literal(one_line(text)))


def prose(text: str, *, in_table: bool = False) -> Markdown:
    """Write a sentence of ours or of a tool: its code spans stay, all else is taken literally."""
    text = one_line(text, limit=1000)
    quote = cell_code if in_table else code
    parts, end = [], 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_literal(text[end : span.start()]), quote(span[2])]
        end = span.end()
    parts.append(_literal(text[end:]))
    return Markdown("".join(parts))


def _literal(text: str) -> str:
    # Mentions first: an escape between the sign and the name would hide one from us, and from no forge.
    return _SPECIAL.sub(r"\\\g<0>", _MENTION.sub("@\u200b", text))


def paragraphs(text: str) -> Markdown:
    """Write several lines of prose; a line may be a list item (`- `), nothing else."""
    lines = []
    for raw in text.splitlines():
        line = raw.strip()
        bullet = "- " if line.startswith("- ") else ""
        said = prose(line.removeprefix("- "))
        # A slash at the start of a line is an order to GitLab; a sign there would open a list or a rule.
        lines.append(bullet + ("\\" + said if said[:1] in {"/", "-", "+", "="} else said))
    return Markdown("\n".join(lines))


def cell_prose(text: str) -> Markdown:
    """Write a sentence inside a table."""
    return prose(text, in_table=True)


def plain_block(text: str) -> str:
    """Make a block of text fit for a fence: no colours, no control characters, none of our markers."""
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    return without_marks(_UNPRINTABLE_IN_BLOCK.sub(" ", text)).strip("\n")


def without_marks(text: str) -> str:
    """Break whatever would pass for one of our hidden marks."""
    return _OUR_MARK.sub("<!- -", text)


def fence(text: str, language: str = "") -> Markdown:
    """Put a block of text between fences longer than any run of back-ticks inside."""
    text = plain_block(text)
    ticks = "`" * max(3, longest_run_of_ticks(text) + 1)
    return Markdown(f"{ticks}{language}\n{text}\n{ticks}")


def longest_run_of_ticks(text: str) -> int:
    """Count the longest run of back-ticks."""
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def link(label: str, url: str) -> Markdown:
    """Link a label (text, or Markdown already); without an address on the web it is just the label."""
    label = label if isinstance(label, Markdown) else md(label)
    if not url.startswith(("https://", "http://")):
        return Markdown(label)
    address = quote(url, safe=":/?#@!$&'*+,;=%~", errors="replace")
    return Markdown(f"[{label}]({address})")


def join(parts: Iterable[str], between: str = ", ") -> Markdown:
    """Join pieces that are Markdown already."""
    return Markdown(between.join(parts))


def enumeration(parts: Iterable[str]) -> Markdown:
    """Join pieces of Markdown as English does: `a, b and c`."""
    *head, last = list(parts)
    return Markdown(f"{', '.join(head)} and {last}" if head else last)


def amount(number: int, one: str, many: str = "") -> Markdown:
    """Count things: `1 project`, `2 projects`."""
    return Markdown(f"{number} {one if number == 1 else many or one + 's'}")


def tidy(text: str) -> str:
    """Leave at most one blank line between blocks, and fences as they are."""
    lines: list[str] = []
    closing = ""
    for line in text.split("\n"):
        if closing:
            lines.append(line)
            closing = "" if line == closing else closing
            continue
        if opening := re.match(r"`{3,}(?=[a-z]*$)", line):
            closing = opening[0]
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip("\n")
