"""`python -m tests.benchmarks`: run the cases, print a table, and write JSON if asked."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from tests.benchmarks.cases import CASES, Row


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description="Thera against bare Terraform, in the same run.")
    parser.add_argument("--only", choices=sorted(CASES), action="append", help="one case; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few rounds, small repositories")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.only or CASES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += CASES[name](quick=arguments.quick)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(f"{'what':44} {'Thera':>9} {'bare':>9} {'ratio':>7}")
    for row in rows:
        bare = "" if row.bare is None else f"{row.bare:8.3f}s"
        ratio = "" if row.ratio is None else f"{row.ratio:6.2f}x"
        print(f"{row.what:44} {row.thera:8.3f}s {bare:>9} {ratio:>7}")
    if arguments.json is not None:
        shown = [{"what": row.what, "thera": row.thera, "bare": row.bare, "ratio": row.ratio} for row in rows]
        arguments.json.write_text(json.dumps({"quick": arguments.quick, "rows": shown}, indent=2) + "\n")
    return 0


sys.exit(main())
