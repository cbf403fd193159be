"""Modules from private repositories of the same forge: fetched with the checkout's credential, where that is wanted."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.workers.test_execute_bench import Bench, plan_of
from tests.unit.workers.test_git_origin import Origin
from workers.git.credentials import Remote
from workers.protocol.jobs import Checkout, Step
from workers.protocol.results import Outcome, PlanFacts

pytestmark = [pytest.mark.terraform, pytest.mark.usefixtures("terraform_binary")]

PASSWORD = "t0p-s3cr3t-t0ken"
LOGIN = base64.b64encode(f"x-access-token:{PASSWORD}".encode()).decode()


class _Private(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Basic {LOGIN}":
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Forge:
    """Two repositories that nobody reads without a password."""

    url: str
    bench: Bench
    modules: Origin
    files: dict[str, str] = field(default_factory=dict)

    def pull(self, source: str) -> Checkout:
        code = f'module "net" {{\n  source = "{source}"\n}}\noutput "said" {{\n  value = module.net.said\n}}\n'
        checkout = self.bench.pull({"prod/main.tf": code})
        self.bench.origin.git("update-server-info")
        return replace(checkout, clone_url=f"{self.url}/acme/infra.git", password=PASSWORD)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    bench = Bench(tmp_path)
    modules = Origin.at(tmp_path / "modules")
    modules.commit({"net/main.tf": 'output "said" {\n  value = "from a private module"\n}\n'})
    modules.git("update-server-info")
    served = tmp_path / "served" / "acme"
    served.mkdir(parents=True)
    (served / "infra.git").symlink_to(bench.origin.path / ".git")
    (served / "modules.git").symlink_to(modules.path / ".git")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Private, directory=str(served.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Forge(f"http://127.0.0.1:{server.server_port}", bench, modules)
        server.shutdown()


@pytest.mark.parametrize(
    "spelling", ["git::{url}/acme/modules.git//net", "git::ssh://git@127.0.0.1/acme/modules.git//net"]
)
def test_a_private_module_is_fetched_where_the_operator_wants_it(forge: Forge, spelling: str) -> None:
    forge.bench.changes = {"module_credentials": True}
    checkout = forge.pull(spelling.format(url=forge.url))
    steps = (Step(name="init"), Step(name="run", command="env"), Step(name="plan"))

    report = forge.bench.do(plan_of(checkout, *steps))

    assert report.outcome is Outcome.SUCCEEDED, report.failure
    assert isinstance(report.facts, PlanFacts)
    assert report.facts.changes.outputs[0].after == '"from a private module"'
    said = forge.bench.gateway.log("job-1")
    assert PASSWORD not in said
    assert LOGIN not in said
    assert "GIT_CONFIG_VALUE" not in said, "only init is lent the credential"


def test_otherwise_it_cannot_be_fetched(forge: Forge) -> None:
    report = forge.bench.do(plan_of(forge.pull(f"git::{forge.url}/acme/modules.git//net")))

    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert report.failure.summary == "Failed to download module"


def test_other_hosts_hear_nothing_of_it(forge: Forge) -> None:
    with Remote.of(forge.pull("./x")).settings_for_others() as settings:
        named = {name for name, _ in settings}

    assert named == {f"http.{forge.url}/.extraHeader", f"url.{forge.url}/.insteadOf"}


def test_without_a_password_there_is_nothing_to_lend(forge: Forge) -> None:
    with Remote.of(replace(forge.pull("./x"), password="")).settings_for_others() as settings:
        assert settings == ()
