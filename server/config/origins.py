"""Where a value of a configuration file is written, in words for people."""

import posixpath
from dataclasses import dataclass, field

from ruamel.yaml.nodes import Node

from server.config.document import Path, line_of, spell


@dataclass(frozen=True)
class Origin:
    """One key of a configuration file. The line is looked up only when somebody wants to read it.

    A file is named without the folders that it lies in: where an operator keeps theirs is nobody's business.
    """

    file: str
    path: Path
    document: Node | None = field(default=None, repr=False, compare=False)

    @property
    def words(self) -> str:
        """Name file, line and key."""
        file = posixpath.basename(self.file.replace("\\", "/")) or "the operator's settings"
        line = line_of(self.document, self.path)
        return f"`{file}:{line}`, `{spell(self.path)}`" if line else f"`{file}`, `{spell(self.path)}`"
