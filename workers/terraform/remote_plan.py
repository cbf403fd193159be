"""A plan that Terraform Cloud or Enterprise made and keeps: its text is all that a worker ever sees of it."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.protocol.results import Action, ChangeSummary, Counts, ResourceChange

_MARK = "thera_remote_plan"
_LARGEST = 64 * 1024 * 1024
_CANNOT_SAVE = re.compile(r"Saving a generated plan is currently not supported")
_BEGINS = re.compile(
    r"^(?:(?:Terraform|OpenTofu) used the selected providers|(?:Terraform|OpenTofu) will perform the following actions|"
    r"An execution plan has been generated|Changes to Outputs:|No changes\.)",
    re.MULTILINE,
)
_TOTALS = re.compile(r"^Plan: (?:(\d+) to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy\.", re.MULTILINE)
_ENDS = re.compile(r"^(?:Plan: \d+ to .*|No changes\..*|Changes to Outputs:(?:\n(?: +.*)?)*)$", re.MULTILINE)
_RESOURCE = re.compile(
    r"^ +# (\S.*?) (?:\(deposed object [^)]*\) )?(?:is tainted, so )?"
    r"(will be created|will be updated in-place|will be destroyed|must be replaced|will be replaced)",
    re.MULTILINE,
)
_ACTIONS = {
    "will be created": Action.CREATE,
    "will be updated in-place": Action.UPDATE,
    "will be destroyed": Action.DELETE,
    "must be replaced": Action.REPLACE,
    "will be replaced": Action.REPLACE,
}
_URL = re.compile(r"to view this run in a browser[^\n]*\n\s*(https?://\S+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RemotePlan:
    """What stands in for a saved plan: the plan's text from its first change to its totals."""

    text: str
    destroy: bool = False
    run_url: str = ""

    @property
    def digest(self) -> str:
        """Name the plan by what it says."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def write(self, file: Path) -> None:
        """Put it where a saved plan would be."""
        file.write_text(json.dumps({_MARK: 1, **asdict(self)}), encoding="utf-8")


def read(file: Path) -> RemotePlan | None:
    """Read such a plan; None when the file is a saved plan of Terraform's own, or none at all."""
    try:
        if file.stat().st_size > _LARGEST or not file.read_bytes().startswith(f'{{"{_MARK}"'.encode()):
            return None
        found = json.loads(file.read_text(encoding="utf-8"))
        return RemotePlan(text=str(found["text"]), destroy=bool(found["destroy"]), run_url=str(found["run_url"]))
    except (OSError, ValueError, KeyError):
        return None


def cannot_save(output: str) -> bool:
    """Say whether a plan failed because its backend keeps plans to itself."""
    return _CANNOT_SAVE.search(" ".join(output.split())) is not None


def planned(output: str) -> str:
    """Cut out what a plan would do: what comes before and after differs from run to run. Empty if it is not there."""
    begin = _BEGINS.search(output)
    if begin is None:
        return ""
    ends = list(_ENDS.finditer(output, begin.start()))
    text = output[begin.start() : ends[-1].end()] if ends else output[begin.start() :]
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def run_url(output: str) -> str:
    """Find the address at which the run can be seen."""
    found = _URL.search(output)
    return found.group(1) if found else ""


def summary(text: str) -> ChangeSummary:
    """Read from a plan's text what can be read from it: which resources, and how many."""
    resources = tuple(
        ResourceChange(address=address, type=_type_of(address), action=_ACTIONS[words])
        for address, words in _RESOURCE.findall(text)
    )
    replaced = sum(one.action is Action.REPLACE for one in resources)
    totals = _TOTALS.search(text)
    imported, add, change, destroy = (int(number or 0) for number in totals.groups()) if totals else (0, 0, 0, 0)
    outputs = len(re.findall(r"^  [+~-] \S+ += ", text.partition("Changes to Outputs:")[2], re.MULTILINE))
    counts = Counts(
        add=max(add - replaced, 0),
        change=change,
        replace=replaced,
        destroy=max(destroy - replaced, 0),
        imported=imported,
        outputs=outputs,
    )
    return ChangeSummary(counts=counts, resources=resources)


def _type_of(address: str) -> str:
    words = re.sub(r"\[[^\]]*\]", "", address).split(".")
    return words[-2] if len(words) > 1 else address
