"""What people get wrong is said where they look: in the comment, in a line that names it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installation import Installation, clean_path

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]


def test_code_that_does_not_parse_is_named_by_file_and_line(one_box: Install) -> None:
    thera = one_box()

    pull = thera.open_pull({"prod/main.tf": 'locals {\n  one = 1\n}\n\nresource "terraform_data" {\n'})

    failed = thera.wait_for_comment(pull, "prod", '"outcome":"failed"')
    assert "main.tf:5" in failed.body, failed.body
    thera.wait_for_statuses(pull, plan="failure")
    assert thera.locked() == []


def test_a_missing_terraform_is_one_clear_line(one_box: Install, tmp_path: Path) -> None:
    path = clean_path(tmp_path / "bin", "git", "sh", "env", "setpriv")
    thera = one_box(worker_environment={"PATH": path})

    pull = thera.open_pull({"prod/main.tf": thera.lab("prod")})

    failed = thera.wait_for_comment(pull, "prod", '"outcome":"failed"')
    (line,) = (line for line in failed.body.splitlines() if "❌ **" in line)
    assert "terraform" in line
    assert "PATH" in line
    assert "Traceback" not in failed.body
    thera.wait_for_statuses(pull, plan="failure")
