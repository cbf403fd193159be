"""What a note's text becomes on GitLab: no line of it may be a quick action, and an outdated one is folded."""

import re

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_QUICK_ACTION = re.compile(r"^(\s*)(/[a-zA-Z_])", re.MULTILINE)
_FOLDED = "<details><summary>Outdated</summary>\n\n"
_END = "\n\n</details>"


def harmless(body: str) -> str:
    r"""Keep GitLab from obeying what our text happens to say.

    A line that starts with `/merge`, outside a code block, is an order of whoever wrote it
    (docs.gitlab.com/user/project/quick_actions), and we write what others said: with a backslash it reads the same.
    """
    fence, lines = "", []
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if not fence:
            fence = mark.group(1) if mark else ""
            lines.append(line if mark else _QUICK_ACTION.sub(r"\1\\\2", line))
            continue
        lines.append(line)
        if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
    if fence:  # it is never closed: GitLab may see no block there
        return _QUICK_ACTION.sub(r"\1\\\2", body)
    return "\n".join(lines)


def folded(body: str) -> str:
    """Fold a text away; once is enough."""
    return body if body.startswith(_FOLDED) else f"{_FOLDED}{body}{_END}"
