"""`python -m tests.benchmarks`: run the cases, print a table, and write JSON if asked."""

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from tests.benchmarks.cases import CASES, Row
from tests.benchmarks.rig import run, seconds

_BASELINE = {
    "true": ["true"],
    "git --version": ["git", "--version"],
    "terraform version": ["terraform", "version"],
    "python -c pass": [sys.executable, "-I", "-S", "-c", "pass"],
}


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description="Thera against bare Terraform, in the same run.")
    parser.add_argument("--only", choices=sorted(CASES), action="append", help="one case; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few rounds, small repositories")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    baseline = _baseline()
    rows: list[Row] = []
    for name in arguments.only or CASES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += CASES[name](quick=arguments.quick)
    _print_table(rows, baseline, load)
    if arguments.json is not None:
        measured = {
            "quick": arguments.quick,
            "machine": {
                "architecture": platform.machine(),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "load": load,
                "baseline": baseline,
            },
            "rows": [
                {"case": row.case, "what": row.what, "thera": row.thera, "bare": row.bare, "ratio": row.ratio}
                for row in rows
            ],
        }
        arguments.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    return 0


def _baseline() -> dict[str, float]:
    """Say how long this machine takes to start a few programs: what other numbers are to be read with."""
    environment = dict(os.environ) | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    return {
        name: statistics.median(seconds(lambda: run(argv, Path.cwd(), environment)) for _ in range(9))  # noqa: B023
        for name, argv in _BASELINE.items()
    }


def _print_table(rows: list[Row], baseline: dict[str, float], load: float) -> None:
    starts = ", ".join(f"{name} {took * 1000:.0f} ms" for name, took in baseline.items())
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    print(f"starting a program: {starts}\n")
    print(f"{'what':44} {'Thera':>9} {'bare':>9} {'ratio':>7}")
    for row in rows:
        bare = "" if row.bare is None else f"{row.bare:8.3f}s"
        ratio = "" if row.ratio is None else f"{row.ratio:6.2f}x"
        print(f"{row.what:44} {row.thera:8.3f}s {bare:>9} {ratio:>7}")


sys.exit(main())
