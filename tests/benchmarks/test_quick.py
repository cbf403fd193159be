"""The benchmarks run; what they measure is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_every_case_gives_rows_with_times(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(target)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads(target.read_text())
    assert set(measured) == {"quick", "machine", "rows"}
    assert set(measured["machine"]) == {"architecture", "cores", "python", "load", "baseline"}
    cases = [row["case"] for row in measured["rows"]]
    always = {"acknowledge", "parallel", "small-lab provider", "small-terraform_data", "thousand"}
    assert set(cases) - {"small-AWS provider"} == always
    assert all(set(row) == {"case", "what", "thera", "bare", "ratio"} for row in measured["rows"])
    assert all(row["thera"] > 0 for row in measured["rows"])
