"""What can be looked at without a forge: this machine, the database, the broker, and our own address."""

import os
import shutil
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from server.config.settings import Settings
from server.domain.errors import ServiceError
from server.domain.findings import Finding, Verdict
from server.store.unit_of_work import Store
from server.tasks.app import make_app

_TIMEOUT = 5  # seconds
_RECENT = timedelta(minutes=10)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def look_here(settings: Settings, store: Store, *, now: datetime) -> Iterator[Finding]:
    """Make every local check; one that breaks is a finding itself."""
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("database", lambda: database(store)),
        ("broker", lambda: broker(settings)),
        ("data folder", lambda: data_folder(settings)),
        ("git", git),
        ("Terraform", lambda: terraform(settings)),
        ("workers", lambda: workers(settings, store, now=now)),
        ("our address", lambda: address(settings)),
    )
    for subject, check in checks:
        yield careful(subject, check)


def careful(subject: str, check: Callable[[], Finding]) -> Finding:
    """Make a check; what it trips over is its finding."""
    try:
        return check()
    except (ServiceError, OSError) as error:
        return Finding(subject=subject, verdict=Verdict.BAD, found=str(error) or type(error).__name__)


def database(store: Store) -> Finding:
    """Ask the database, and count what it knows.

    Raises:
        TryLater: it does not answer.
    """
    store.ping()
    with store.reading() as uow:
        known = len(uow.pulls.repos())
    return Finding(subject="database", verdict=Verdict.GOOD, found=f"answers; {known} repositories are known")


def broker(settings: Settings) -> Finding:
    """Ask the broker, unless there is none to ask."""
    if settings.one_box:
        return Finding(subject="broker", verdict=Verdict.GOOD, found="in this process (one box)")
    try:
        with make_app(settings.broker_url).connection_for_write(connect_timeout=_TIMEOUT) as connection:
            connection.ensure_connection(max_retries=1, timeout=_TIMEOUT)
    except Exception as error:  # noqa: BLE001  (every transport has errors of its own)
        remedy = "Start it, or correct THERA_BROKER_URL. Nothing is lost meanwhile; work waits."
        found = f"does not answer: {type(error).__name__}"
        return Finding(subject="broker", verdict=Verdict.BAD, found=found, remedy=remedy)
    return Finding(subject="broker", verdict=Verdict.GOOD, found="answers")


def data_folder(settings: Settings) -> Finding:
    """Look whether the data folder is ours to write and nobody else's to read."""
    subject, place = "data folder", settings.data_dir
    if not place.is_dir():
        remedy = "It is made when a server starts; make sure that its parent may be written."
        return Finding(subject=subject, verdict=Verdict.WARNING, found=f"{place} is not there yet", remedy=remedy)
    if not os.access(place, os.W_OK):
        remedy = f"Give the account that runs Thera the folder: chown -R thera {place}"
        return Finding(subject=subject, verdict=Verdict.BAD, found=f"{place} cannot be written", remedy=remedy)
    if stat.S_IMODE(place.stat().st_mode) & _OTHERS:
        remedy = f"It holds keys and plans: chmod 700 {place}"
        return Finding(subject=subject, verdict=Verdict.WARNING, found=f"others may look into {place}", remedy=remedy)
    return Finding(subject=subject, verdict=Verdict.GOOD, found=f"{place}, for its owner only")


def git() -> Finding:
    """Look for git, which workers need."""
    found = shutil.which("git")
    if found is None:
        return Finding(subject="git", verdict=Verdict.BAD, found="is not on the PATH", remedy="Install git.")
    return Finding(subject="git", verdict=Verdict.GOOD, found=found)


def terraform(settings: Settings) -> Finding:
    """Look for Terraform or OpenTofu here; with workers elsewhere, theirs is what counts."""
    name = "tofu" if settings.terraform_distribution == "opentofu" else "terraform"
    found = shutil.which(name)
    if found is not None:
        return Finding(subject="Terraform", verdict=Verdict.GOOD, found=found)
    if settings.terraform_download_url is not None:
        words = f"not on the PATH; downloaded from {settings.terraform_download_url} when it is needed"
        return Finding(subject="Terraform", verdict=Verdict.GOOD, found=words)
    if not settings.one_box:
        words = f"no `{name}` on this machine; the workers' own is what counts"
        return Finding(subject="Terraform", verdict=Verdict.UNKNOWN, found=words, remedy="Comment `thera version`.")
    remedy = f"Install `{name}`, or set THERA_TERRAFORM_DOWNLOAD_URL."
    return Finding(subject="Terraform", verdict=Verdict.BAD, found=f"no `{name}` on the PATH", remedy=remedy)


def workers(settings: Settings, store: Store, *, now: datetime) -> Finding:
    """Say which workers were heard of.

    Raises:
        TryLater: the database does not answer.
    """
    if settings.one_box:
        return Finding(subject="workers", verdict=Verdict.GOOD, found="inside the server (one box)")
    with store.reading() as uow:
        known = uow.workers.all()
    recent = [worker for worker in known if now - worker.seen_at < _RECENT]
    if recent:
        names = ", ".join(f"{worker.name} ({worker.pool}, {worker.version})" for worker in recent[:5])
        return Finding(subject="workers", verdict=Verdict.GOOD, found=f"{len(recent)} heard of lately: {names}")
    found = "none has claimed a job in the last ten minutes" if known else "none has ever claimed a job"
    remedy = "Nothing to do if nothing was asked for; else look at the workers' logs and their THERA_SERVER_URL."
    return Finding(subject="workers", verdict=Verdict.UNKNOWN, found=found, remedy=remedy)


def address(settings: Settings) -> Finding:
    """Ask our own public address, from here: whether a forge reaches it as well cannot be told from inside."""
    subject, url = "our address", settings.public_url
    host = urlsplit(url).hostname or ""
    if host in {"localhost", "0.0.0.0", "::1"} or host.startswith("127."):  # noqa: S104  (looked for, not bound)
        remedy = "Set THERA_URL to the address by which the forge reaches this server, unless it runs on this machine."
        return Finding(
            subject=subject, verdict=Verdict.WARNING, found=f"{url} is this machine to everybody", remedy=remedy
        )
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=_TIMEOUT) as answer:  # noqa: S310  (the operator's own)
            code = int(answer.status)
    except urllib.error.HTTPError as error:
        code = error.code
    except (urllib.error.URLError, OSError, ValueError) as error:
        remedy = "Start the server, or look at DNS, firewall and proxy; webhooks come by the same way."
        words = f"{url}/healthz does not answer from here ({error})"
        return Finding(subject=subject, verdict=Verdict.BAD, found=words, remedy=remedy)
    if code != 200:  # noqa: PLR2004  (OK)
        remedy = "Something else answers there: look at the proxy's routes."
        return Finding(subject=subject, verdict=Verdict.BAD, found=f"{url}/healthz answers {code}", remedy=remedy)
    if not url.startswith("https:"):
        remedy = "Put a proxy with a certificate in front: signed webhooks and sign-ins cross the network in the clear."
        return Finding(subject=subject, verdict=Verdict.WARNING, found=f"{url} answers, without TLS", remedy=remedy)
    return Finding(subject=subject, verdict=Verdict.GOOD, found=f"{url} answers from here")
