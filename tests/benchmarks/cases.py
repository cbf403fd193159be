"""What is measured. Each case gives rows; how long bare Terraform takes is measured in the same run."""

import functools
import hashlib
import hmac
import http.client
import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from waitress.server import create_server

from tests.benchmarks.rig import REPO, SECRET, Rig, aws_project, lab_project, project, rig, run, seconds
from tests.support.terraform import aws_mirror

Write = Callable[[str, str, int], str]


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds, medians where there were several."""

    case: str
    what: str
    thera: float
    bare: float | None = None

    @property
    def ratio(self) -> float | None:
        """Thera's time over bare Terraform's."""
        return None if not self.bare else self.thera / self.bare


def small_project(write: Write, what: str, *, quick: bool, rounds: int = 9) -> list[Row]:
    """Webhook to finished plan comment, first and second plan of a project, against clone, init, plan, show.

    The first round is not counted: it is the first time ever that this server sees the repository.
    """
    rounds = 2 if quick else rounds
    new: list[float] = []
    first: list[float] = []
    second: list[float] = []
    bare: list[float] = []
    with rig(lambda url: {"prod/main.tf": write(url, "prod", 0)}) as bench:
        for number in range(rounds + 1):
            branch = f"one-{number}"
            bench.commit(branch, {"prod/main.tf": write(bench.forge.url, "prod", number + 1)})
            pull = bench.open_pull(branch)
            (first if number else new).append(bench.until_planned(pull))
            bench.settle()
            bench.commit(branch, {"prod/main.tf": write(bench.forge.url, "prod", number + 100)})
            second.append(bench.until_planned(pull))
            bench.settle()
            bare.append(seconds(lambda: bench.bare_plan(bench.clone(branch) / "prod")))  # noqa: B023  (called at once)
            bench.close_pull(pull)
    base = statistics.median(bare[1:])
    case = f"small-{what}"
    return [
        Row(case, f"{what}, first plan ever of a repository", new[0], base),
        Row(case, f"{what}, first plan of a pull", statistics.median(first), base),
        Row(case, f"{what}, second plan of a pull", statistics.median(second[1:]), base),
    ]


def aws_provider(*, quick: bool) -> list[Row]:
    """The same with the real AWS provider, where this machine has a mirror of it; no row where it has none."""
    if aws_mirror() is None:
        return []
    return small_project(aws_project, "AWS provider", quick=quick, rounds=4)


def acknowledgements(*, quick: bool) -> list[Row]:
    """Webhook to 202 with 50 senders at once, against an empty waitress of as many threads in this process."""
    count = 200 if quick else 2000
    with rig(lambda url: {"prod/main.tf": project(url, "prod", 0)}) as bench:
        times = _sent(bench.url, bench, count)
        empty = create_server(_accepting, host="127.0.0.1", port=0, threads=16, clear_untrusted_proxy_headers=True)
        thread = threading.Thread(target=empty.run, daemon=True)
        thread.start()
        nothing = _sent(f"http://127.0.0.1:{empty.effective_port}", bench, count)
        empty.close()
        thread.join(5)
    case = "acknowledge"
    return [
        Row(case, "webhook to 202, 50 senders, p50", _at(times, 50), _at(nothing, 50)),
        Row(case, "webhook to 202, 50 senders, p99", _at(times, 99), _at(nothing, 99)),
    ]


def _accepting(environ: Mapping[str, object], start: Callable[..., object]) -> list[bytes]:
    del environ
    start("202 Accepted", [("Content-Length", "0")])
    return [b""]


def _at(times: list[float], percent: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def _sent(url: str, bench: Rig, count: int) -> list[float]:
    """Send signed webhooks, each with an id of its own, from 50 connections that stay open."""
    payload = {
        "action": "labeled",
        "repository": {"html_url": f"{bench.forge.url}/{REPO}", "full_name": REPO},
        "zen": "Keep it logically awesome.",
    }
    body = json.dumps(payload).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    address = urlsplit(url).netloc

    def send(share: int) -> list[float]:
        times = []
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            for _ in range(share):
                headers = {
                    "X-GitHub-Event": "label",
                    "X-GitHub-Delivery": str(uuid.uuid4()),
                    "X-Hub-Signature-256": signature,
                    "Content-Type": "application/json",
                }
                begun = time.perf_counter()
                connection.request("POST", "/webhooks/github", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                times.append(time.perf_counter() - begun)
                assert answer.status == 202, text
        return times

    with ThreadPoolExecutor(50) as senders:
        return [one for times in senders.map(send, [count // 50] * 50) for one in times]


def thousand_projects(*, quick: bool) -> list[Row]:
    """Three projects of a thousand are touched."""
    total = 100 if quick else 1000
    names = [f"team{number % 10}/app{number}" for number in range(total)]
    touched = [names[1], names[total // 2], names[-1]]

    def files(url: str) -> Mapping[str, str]:
        return {f"{name}/main.tf": project(url, name.replace("/", "-"), 0) for name in names}

    first, second, bare = [], [], []
    with rig(files) as bench:
        for number in range(1 if quick else 4):
            branch = f"three-{number}"
            change = {
                f"{name}/main.tf": project(bench.forge.url, name.replace("/", "-"), number + 7) for name in touched
            }
            bench.commit(branch, change)
            pull = bench.open_pull(branch)
            first.append(bench.until_status(pull))
            second.append(bench.until_planned(pull, len(touched)))
            bench.settle()
            bare.append(seconds(lambda: _all_planned(bench, branch, touched)))  # noqa: B023  (called at once)
            bench.close_pull(pull)
    case, base = "thousand", statistics.median(bare)
    rows = [
        Row(case, f"3 of {total} projects, first status", statistics.median(first)),
        Row(case, f"3 of {total} projects, comment, first ever", second[0], base),
    ]
    if not quick:
        rows.append(Row(case, f"3 of {total} projects, comment, later pulls", statistics.median(second[1:]), base))
    return rows


def _all_planned(bench: Rig, branch: str, names: list[str]) -> None:
    folder = bench.clone(branch)
    for name in names:
        bench.bare_plan(folder / name)


def side_by_side(*, quick: bool) -> list[Row]:
    """Many touched projects on two workers, against two bare Terraforms at a time."""
    count = 4 if quick else 20
    names = [f"p{number}" for number in range(count)]

    def files(url: str) -> Mapping[str, str]:
        return {f"{name}/main.tf": project(url, name, 0) for name in names}

    times, bare = [], []
    with rig(files, workers=2) as bench:
        for number in range(1 if quick else 3):
            branch = f"many-{number}"
            bench.commit(branch, {f"{name}/main.tf": project(bench.forge.url, name, number + 9) for name in names})
            pull = bench.open_pull(branch)
            times.append(bench.until_planned(pull, count))
            bench.settle()
            bare.append(seconds(lambda: _two_at_a_time(bench, branch, names)))  # noqa: B023  (called at once)
            bench.close_pull(pull)
    return [Row("parallel", f"{count} projects on 2 workers", statistics.median(times), statistics.median(bare))]


def _two_at_a_time(bench: Rig, branch: str, names: list[str]) -> None:
    script = (
        "cd {} && terraform init -input=false && terraform plan -input=false -out=p.tfplan "
        "&& terraform show -json p.tfplan"
    )
    command = f"printf '%s\\n' {' '.join(names)} | xargs -P2 -I{{}} sh -c '{script}'"
    run(["sh", "-c", command], bench.clone(branch), bench.environment)


CASES: Mapping[str, Callable[..., list[Row]]] = {
    "small": functools.partial(small_project, project, "terraform_data"),
    "small-lab": functools.partial(small_project, lab_project, "lab provider"),
    "small-aws": aws_provider,
    "acknowledge": acknowledgements,
    "thousand": thousand_projects,
    "parallel": side_by_side,
}
