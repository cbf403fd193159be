"""What is measured. Each case gives rows of (what, Thera's seconds, bare Terraform's seconds or None)."""

import hashlib
import hmac
import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from tests.benchmarks.rig import REPO, SECRET, project, rig, run, seconds


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds, medians where there were several."""

    what: str
    thera: float
    bare: float | None = None

    @property
    def ratio(self) -> float | None:
        """Thera's time over bare Terraform's."""
        return None if not self.bare else self.thera / self.bare


def small_project(*, quick: bool) -> list[Row]:
    """Webhook to finished plan comment, first and second plan of a project, against clone, init, plan, show."""
    rounds = 2 if quick else 7
    first, second, bare = [], [], []
    with rig(lambda url: {"prod/main.tf": project(url, "prod", 0)}) as bench:
        for number in range(rounds):
            begun = time.perf_counter()
            pull = bench.open_pull(f"one-{number}", {"prod/main.tf": project(bench.forge.url, "prod", number + 1)})
            bench.wait_for_plan(pull)
            first.append(time.perf_counter() - begun)

            begun = time.perf_counter()
            bench.push(pull, {"prod/main.tf": project(bench.forge.url, "prod", number + 100)})
            bench.wait_for_plan(pull)
            second.append(time.perf_counter() - begun)

            begun = time.perf_counter()
            bench.bare_plan(bench.clone(f"one-{number}", pull.head_sha) / "prod")
            bare.append(time.perf_counter() - begun)
            bench.forge.forge.change_pull(REPO, pull.number, "ann", state="closed")
            time.sleep(0.3)  # the clean-up is not part of the next round
    base = statistics.median(bare)
    return [
        Row("small project, first plan of a pull", statistics.median(first), base),
        Row("small project, plan of the next push", statistics.median(second), base),
    ]


def acknowledgements(*, quick: bool) -> list[Row]:
    """Webhook to 202, with 50 senders at once."""
    count = 200 if quick else 2000
    times: list[float] = []
    with rig(lambda url: {"prod/main.tf": project(url, "prod", 0)}) as bench:
        body = json.dumps(
            {
                "action": "labeled",
                "repository": {"html_url": f"{bench.forge.url}/{REPO}", "full_name": REPO},
                "zen": "Keep it logically awesome.",
            }
        ).encode()
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        local = threading.local()

        def send(_: int) -> None:
            if not hasattr(local, "session"):
                local.session = requests.Session()
                local.session.trust_env = False
            headers = {
                "X-GitHub-Event": "label",
                "X-GitHub-Delivery": str(uuid.uuid4()),
                "X-Hub-Signature-256": signature,
                "Content-Type": "application/json",
            }
            begun = time.perf_counter()
            answer = local.session.post(f"{bench.url}/webhooks/github", data=body, headers=headers, timeout=60)
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 202, answer.text

        with ThreadPoolExecutor(50) as senders:
            list(senders.map(send, range(count)))
    ordered = sorted(times)
    return [
        Row("webhook acknowledged, 50 senders, p50", ordered[len(ordered) // 2]),
        Row("webhook acknowledged, 50 senders, p99", ordered[len(ordered) * 99 // 100]),
    ]


def thousand_projects(*, quick: bool) -> list[Row]:
    """Three projects of a thousand are touched."""
    total = 100 if quick else 1000
    touched = [f"team{number % 10}/app{number}" for number in (1, total // 2, total - 1)]

    def files(url: str) -> Mapping[str, str]:
        names = [f"team{number % 10}/app{number}" for number in range(total)]
        return {f"{name}/main.tf": project(url, name.replace("/", "-"), 0) for name in names}

    with rig(files) as bench:
        change = {f"{name}/main.tf": project(bench.forge.url, name.replace("/", "-"), 7) for name in touched}
        begun = time.perf_counter()
        pull = bench.open_pull("three", change)
        bench.wait_for_status(pull)
        status = time.perf_counter() - begun
        bench.wait_for_plan(pull)
        comment = time.perf_counter() - begun

        def bare() -> None:
            folder = bench.clone("three", pull.head_sha)
            for name in touched:
                bench.bare_plan(folder / name)

        alone = seconds(bare)
    return [
        Row(f"3 of {total} projects, first status", status),
        Row(f"3 of {total} projects, finished comment", comment, alone),
    ]


def side_by_side(*, quick: bool) -> list[Row]:
    """Many touched projects on two workers, against two bare Terraforms at a time."""
    count = 4 if quick else 20

    def files(url: str) -> Mapping[str, str]:
        return {f"p{number}/main.tf": project(url, f"p{number}", 0) for number in range(count)}

    with rig(files, workers=2) as bench:
        change = {f"p{number}/main.tf": project(bench.forge.url, f"p{number}", 9) for number in range(count)}
        begun = time.perf_counter()
        pull = bench.open_pull("many", change)
        bench.wait_for_plan(pull)
        thera = time.perf_counter() - begun

        def bare() -> None:
            folder = bench.clone("many", pull.head_sha)
            script = (
                "cd {} && terraform init -input=false && terraform plan -input=false -out=p.tfplan "
                "&& terraform show -json p.tfplan"
            )
            names = " ".join(f"p{number}" for number in range(count))
            command = f"printf '%s\\n' {names} | xargs -P2 -I{{}} sh -c '{script}'"
            run(["sh", "-c", command], folder, bench.environment)

        alone = seconds(bare)
    return [Row(f"{count} projects on 2 workers", thera, alone)]


CASES: Mapping[str, Callable[..., list[Row]]] = {
    "small": small_project,
    "acknowledge": acknowledgements,
    "thousand": thousand_projects,
    "parallel": side_by_side,
}
