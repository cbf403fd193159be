"""Which engine a worker judges with: what the operator says, else conftest, opa, the embedded one, as there is one."""

import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Literal

from workers.errors import JobFailed
from workers.policy import embedded
from workers.policy.conftest import Conftest
from workers.policy.embedded import Embedded
from workers.policy.findings import Engine, Run, Unjudged
from workers.policy.opa import Opa
from workers.protocol.results import FailureKind

Choice = Literal["auto", "conftest", "opa", "embedded"]
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+\S*)")


def chosen(
    choice: Choice, *, version: str | None, environment: Mapping[str, str], extra_args: Sequence[str], run: Run
) -> Engine:
    """Choose an engine; a wanted version of conftest is `conftest<version>` on the PATH, or a `conftest` that is it.

    Raises:
        JobFailed: the worker has none that will do.
    """
    path = environment.get("PATH", "")
    conftest = _conftest(version, path, run)
    if choice in {"auto", "conftest"} and conftest is not None:
        return Conftest(binary=conftest, arguments=tuple(extra_args))
    if choice == "conftest" or version is not None:
        name = f"conftest {version}" if version else "conftest"
        words = f"This worker has no {name}: install it on the worker's PATH" + (
            f" as `conftest{version}`" if version else ""
        )
        raise JobFailed(FailureKind.POLICY, words)
    opa = shutil.which("opa", path=path)
    if choice in {"auto", "opa"} and opa is not None:
        return Opa(binary=opa, arguments=tuple(extra_args))
    if choice in {"auto", "embedded"} and embedded.is_installed():
        return Embedded(arguments=tuple(extra_args))
    missing = {"auto": "conftest, no opa and no embedded engine", "opa": "opa", "embedded": "embedded engine"}
    raise JobFailed(
        FailureKind.POLICY,
        f"Policies cannot be checked: this worker has no {missing[choice]}. Install conftest or opa on its PATH, "
        "or the embedded engine with `pip install thera[rego]`",
    )


def _conftest(version: str | None, path: str, run: Run) -> str | None:
    plain = shutil.which("conftest", path=path)
    if version is None:
        return plain
    wanted = version.removeprefix("v")
    named = shutil.which(f"conftest{wanted}", path=path) or shutil.which(f"conftest{version}", path=path)
    if named is not None or plain is None:
        return named
    try:
        done = run([plain, "--version"])
    except Unjudged:
        return None
    found = _VERSION.search(done.stdout.decode("utf-8", "replace") + done.output)
    return plain if found is not None and found.group(1) == wanted else None
