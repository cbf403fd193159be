"""Secrets are planted wherever they lie about in real life; none is seen where people look."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.model import Pull
from tests.support.installation import HOOK_SECRET, SECRET_KEY, WEB_PASSWORD, WORKER_TOKEN, Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

SENSITIVE = "planted-sensitive-variable"
OF_THE_ENVIRONMENT = "planted-environment-token"
OF_A_VARIABLE = "planted-tf-var-password"
WORKERS_OWN = {"DEPLOY_TOKEN": OF_THE_ENVIRONMENT, "TF_VAR_lab_password": OF_A_VARIABLE, "THERA_LOG_LEVEL": "debug"}

# A chatty program: everything that the environment holds, its parents' too, and git's configuration.
CHATTY = """\
echo "the token is $DEPLOY_TOKEN"
echo "the password is $TF_VAR_lab_password"
env
git config --list --show-origin
git remote -v
pid=$$
while [ "$pid" -gt 1 ]; do
  tr '\\\\0' '\\\\n' < /proc/$pid/environ
  pid=$(awk '/^PPid/ {print $2}' /proc/$pid/status)
done
true
"""

CODE = """\
variable "password" {
  type      = string
  sensitive = true
  default   = "%(sensitive)s"
}

variable "lab_password" {
  type = string
}

resource "terraform_data" "told" {
  input = var.password
  provisioner "local-exec" {
    command = <<-EOT
%(chatty)s
    EOT
  }
}

resource "terraform_data" "echoed" {
  input = "quiet"
  provisioner "local-exec" {
    command     = "echo told: $PASSED"
    environment = { PASSED = nonsensitive(var.password) }
  }
}

resource "lab_thing" "failing" {
  path    = "%(world)s/${var.password}.json"
  secret  = var.password
  fail_on = "create"
}

output "password" {
  value     = var.password
  sensitive = true
}
"""


def seen_by_people(thera: Installation, pull: Pull) -> Iterator[tuple[str, str]]:
    for comment in pull.comments:
        yield f"comment {comment.id}", comment.body
    for sha, statuses in thera.forge.forge.repo("acme/infra").statuses.items():
        for status in statuses:
            yield f"status of {sha}", f"{status.description} {status.target_url}"
    for table in ("log_chunks", "jobs", "runs", "projects", "outbox", "locks"):
        for row in thera.rows(f"SELECT * FROM {table}"):  # noqa: S608  (a name from the line above)
            yield table, str(dict(row))
    for member in thera.members.values():
        yield f"log of {member.name}", member.log


def saved_plans(thera: Installation) -> list[Path]:
    folder = thera.folder / "plans" if thera.services else thera.front.folder / "artifacts"
    return [file for file in folder.rglob("*") if file.is_file()]


def test_no_planted_secret_is_seen_anywhere(either: Install) -> None:
    thera = either(worker_environment=WORKERS_OWN)
    code = CODE % {
        "sensitive": SENSITIVE,
        "chatty": CHATTY.replace("${", "$${"),
        "world": thera.folder / "world",
    }
    broken = thera.lab("broken").replace("  path", "  fail_on = var.lab_password\n  path")
    pull = thera.open_pull(
        {
            "told/main.tf": thera.lab("told", content="told") + code,
            "broken/main.tf": broken + 'variable "lab_password" {\n  type = string\n}\n',
        }
    )
    planned = thera.wait_for_comment(pull, "### Plan:", '"outcome":"failed"')
    assert "cannot fail on" in planned.body, "the provider's error is shown"
    asked = thera.comment(pull, "thera apply -d told")
    applied = thera.wait_for_comment(pull, "fails as ordered", after=asked)
    assert "***" in applied.body
    job = thera.jobs("apply")[-1]
    log = "".join(row["text"] for row in thera.rows("SELECT text FROM log_chunks WHERE job_id = :id", id=job["id"]))
    assert "the token is ***" in log, "the chatty program was heard"
    assert "told: ***" in log
    assert "THERA_WORKER_TOKEN=***" in log, "it read its parents' environment too"

    secrets = {
        "the sensitive variable": SENSITIVE,
        "the worker's token": OF_THE_ENVIRONMENT,
        "the worker's password": OF_A_VARIABLE,
        "the clone token": thera.token,
        "the webhook secret": HOOK_SECRET,
        "the secret key": SECRET_KEY,
        "the worker token": WORKER_TOKEN,
        "the web password": WEB_PASSWORD,
    }
    found = {
        (place, name)
        for place, text in seen_by_people(thera, pull)
        for name, secret in secrets.items()
        if secret in text
    }
    assert found == set()
    plans = saved_plans(thera)
    assert plans
    assert not [file for file in plans for secret in secrets.values() if secret.encode() in file.read_bytes()]
