"""Every server flag of Atlantis, once, with what becomes of it here."""

import difflib
from collections.abc import Iterable, Mapping

from server.atlantis.forge_flags import GITHUB, GITLAB, OTHERS
from server.atlantis.machine_flags import ACCESS, CODE, STORAGE, TELLING
from server.atlantis.outcomes import Flag
from server.atlantis.work_flags import PULLS, WORDS

# By what they are about, in the order in which people read about them.
TOPICS: Mapping[str, tuple[Flag, ...]] = {
    "Pull requests": PULLS,
    "Comments and statuses": WORDS,
    "Checkouts, Terraform and policies": CODE,
    "Addresses and access": ACCESS,
    "Storage": STORAGE,
    "Logs, numbers and messages": TELLING,
    "GitHub": GITHUB,
    "GitLab": GITLAB,
    "Other forges": OTHERS,
}

FLAGS: Mapping[str, Flag] = {flag.name: flag for flags in TOPICS.values() for flag in flags}
BY_VARIABLE: Mapping[str, Flag] = {flag.variable: flag for flag in FLAGS.values() if not flag.only_in_file}


def meant(name: str, known: Iterable[str] = FLAGS) -> str:
    """Give `; did you mean …?` for a name that is nearly a known one, and nothing otherwise."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean `{close[0]}`?" if close else ""
