"""The composition root: settings become a running server or worker, one small function a part."""

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from waitress.server import create_server

from server.artifacts.crypto import Keyring
from server.artifacts.store import open_store
from server.artifacts.vault import PlanVault
from server.comments.overrides import load_words
from server.comments.words import TemplateFailed
from server.config.forges import load_forges
from server.config.forges_file import begin_forges_file
from server.config.server_file import load_server_file
from server.config.settings import SECRETS, Settings
from server.doctor.command import Patient
from server.doctor.remote import Remote
from server.domain.errors import ServiceError
from server.forges.allowlist import Allowlist
from server.forges.config import AppIdentity, ForgeConfig
from server.forges.registry import Forges
from server.inbox import Inbox, parse_delivery
from server.onebox import OneBoxGateway
from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context
from server.orchestration.notices import deliver_notices, make_hooks
from server.orchestration.poll import poll
from server.orchestration.reconcile import Hearing, reconcile
from server.orchestration.rules import rules_of
from server.store.session import make_engine, migrate
from server.store.unit_of_work import Store
from server.tasks.app import make_app as make_celery
from server.tasks.loops import EmbeddedReactor, Ticker
from server.tasks.reactor import Ringer, register
from server.version import VERSION
from server.web.app import make_app as make_web
from server.web.settings import WebSettings
from server.web.setup import SetupDesk, make_setup
from server.webhooks.base import WebhookConfig
from server.webhooks.routes import make_webhooks
from workers.bootstrap import Worker, make_worker
from workers.process.private import keep_private
from workers.settings import WorkerSettings, default_name

log = structlog.get_logger()

_WEB_THREADS = 16
_START = timedelta(seconds=30)


class Server:
    """A server process: whichever of web, reactor and workers it was asked to run."""

    def __init__(
        self,
        store: Store,
        listener: Any,
        reactor: EmbeddedReactor | None,
        tickers: Sequence[Ticker],
        worker: Worker | None,
        stopping: threading.Event,
    ) -> None:
        self._stopping = stopping
        self._store, self._listener, self._reactor = store, listener, reactor
        self._tickers, self._worker = tickers, worker
        self._web = threading.Thread(target=self._serve, name="web", daemon=True)

    def _serve(self) -> None:
        if self._listener is not None:
            self._listener.run()

    @property
    def port(self) -> int:
        """Where the web part listens; 0 without one."""
        return 0 if self._listener is None else int(self._listener.effective_port)

    def start(self) -> None:
        """Begin: consumers first, so that nothing is rung to nobody, and one after the other.

        Celery imports parts of itself when a controller starts; two that start at once in two threads were
        seen to get in each other's way.
        """
        if self._worker is not None:
            self._worker.start()
            self._worker.wait_until_ready(_START)
        if self._reactor is not None:
            self._reactor.start()
            self._reactor.ready.wait(_START.total_seconds())
        for ticker in self._tickers:
            ticker.start()
        if self._listener is not None:
            self._web.start()
        log.info("server.started", port=self.port, version=VERSION)

    def stop(self) -> bool:
        """End in order: workers may finish first. True if nothing was left behind."""
        self._stopping.set()
        ended = self._worker.stop() if self._worker is not None else True
        for ticker in self._tickers:
            ticker.stop()
        if self._reactor is not None:
            ended = self._reactor.stop(timedelta(seconds=10)) and ended
        if self._listener is not None:
            self._listener.close()
        self._store.dispose()
        log.info("server.stopped")
        return ended


def _database_url(settings: Settings) -> str:
    return settings.database_url or f"sqlite:///{settings.data_dir / 'thera.db'}"


def migrate_database(settings: Settings) -> None:
    """Bring the schema up to date."""
    engine = make_engine(_database_url(settings))
    migrate(engine)
    engine.dispose()


def _secret(value: SecretStr | None) -> str:
    if value is None:
        raise RuntimeError("a required secret is missing although the settings were checked")
    return value.get_secret_value()


def begin_process() -> None:
    """Do what comes before everything else in a process that holds secrets."""
    keep_private()


def make_context(settings: Settings, store: Store) -> Context:
    """Put together what use cases work with."""
    key = _secret(settings.secret_key)
    older = [_secret(settings.secret_key_previous)] if settings.secret_key_previous else []
    server_file = load_server_file(settings.repo_config, has_slack=settings.slack_token is not None)
    artifacts = settings.artifact_url or f"file://{settings.data_dir / 'artifacts'}"
    return Context(
        store=store,
        forges=Forges(_forges(settings)),
        vault=PlanVault(open_store(artifacts), Keyring(key, *older)),
        server_file=server_file,
        hooks=make_hooks(server_file, settings.accounts),
        allowlist=Allowlist.parse(settings.repo_allowlist),
        rules=rules_of(settings),
        parse=parse_delivery,
        job_token=lambda job_id, attempt: _job_token(key, job_id, attempt),
        clock=lambda: datetime.now(UTC),
        words=load_words(settings.template_dir, _tell_once()),
    )


def _tell_once() -> Callable[[TemplateFailed], None]:
    """Make a listener that logs each way in which a template fails once: the comment is written all the same."""
    told: set[str] = set()

    def tell(failed: TemplateFailed) -> None:
        if str(failed) not in told:
            told.add(str(failed))
            log.warning("template.failed", place=failed.place, why=failed.why)

    return tell


def _job_token(key: str, job_id: str, attempt: int) -> str:
    return hmac.new(key.encode(), f"job:{job_id}:{attempt}".encode(), hashlib.sha256).hexdigest()


def _forges(settings: Settings) -> list[ForgeConfig]:
    return [
        ForgeConfig(
            kind=entry.kind,
            url=entry.url,
            token=entry.token,
            app=None if entry.app_id is None else AppIdentity(id=entry.app_id, key=entry.app_key),
            login=entry.user,
            webhook_secret=entry.webhook_secret,
            owners=entry.owners,
            ca_file=entry.ca_file,
            write_interval=timedelta(seconds=entry.write_interval),
        )
        for entry in load_forges(settings)
    ]


def make_server(settings: Settings, *, web: bool, reactor: bool, restart: Callable[[], None] = lambda: None) -> Server:
    """Put a server process together; `restart` is called when its settings have changed.

    Raises:
        ConfigMistaken: the server file cannot be used.
    """
    engine = make_engine(_database_url(settings))
    migrate(engine)
    celery = make_celery(settings.broker_url)
    ringer = Ringer(celery)
    store = Store(engine, ringer.ring)
    ctx = make_context(settings, store)
    if not ctx.forges.configs:
        words = f"no forge is configured: sign in as {settings.web_username} and set one up"
        password = settings.data_dir / "web_password"
        place = str(password) if password.exists() else "THERA_WEB_PASSWORD"
        log.warning("server.no_forge", remedy=words, at=f"{settings.public_url}/setup", password_in=place)
    ringer.attach(ctx)
    register(celery, ctx, ringer)
    gateway = ServerGateway(ctx)
    embedded = EmbeddedReactor(celery) if reactor else None
    worker = _one_box_worker(settings, gateway) if reactor and settings.one_box else None
    parts: dict[str, Callable[[], bool]] = {"database": lambda: _answers(store)}
    if embedded is not None:
        parts["reactor"] = embedded.is_alive
    if worker is not None:
        parts["worker"] = lambda: worker.alive
    desk = _setup_desk(settings, ctx.forges, restart)
    stopping = threading.Event()
    listener = _listener(settings, ctx, gateway, parts, desk, stopping.is_set) if web else None
    return Server(store, listener, embedded, _tickers(settings, ctx, ringer) if reactor else (), worker, stopping)


def make_patient(settings: Settings) -> Patient:
    """Put together what `thera doctor` looks at; it changes nothing here, not even the schema."""
    store = Store(make_engine(_database_url(settings)), lambda _: None)
    remote = Remote(
        forges=Forges(_forges(settings)),
        allowlist=Allowlist.parse(settings.repo_allowlist),
        public_url=settings.public_url,
        own_statuses=f"{settings.status_prefix}/",
    )
    return Patient(settings=settings, store=store, remote=remote)


def _answers(store: Store) -> bool:
    try:
        store.ping()
    except ServiceError:
        return False
    return True


def _tickers(settings: Settings, ctx: Context, ringer: Ringer) -> list[Ticker]:
    every = timedelta(seconds=settings.reconcile_seconds)
    hearing = Hearing()
    tickers = [Ticker("reconcile", every, lambda: reconcile(ctx, ringer.ring, hearing))]
    if ctx.hooks:  # a thread of its own: whoever is told may take their time
        tickers.append(Ticker("notices", every, lambda: deliver_notices(ctx)))
    if settings.poll_seconds:
        # After downtime, what was written in the last hour is still heard; an older `apply` is nobody's wish any more.
        since = [datetime.now(UTC) - timedelta(hours=1)]

        def look() -> None:
            began = datetime.now(UTC)
            poll(ctx, since=since[0])
            since[0] = began

        tickers.append(Ticker("poll", ctx.rules.poll_every, look))
    return tickers


def _setup_desk(settings: Settings, forges: Forges, restart: Callable[[], None]) -> SetupDesk:
    return SetupDesk(
        is_open=lambda: not forges.configs,
        public_url=settings.public_url,
        keep=partial(begin_forges_file, settings.data_dir) if settings.one_box and settings.forges is None else None,
        restart=restart,
        ca_files=lambda kind: getattr(settings, f"{kind}_ca_bundle", None),
    )


def _web_settings(
    settings: Settings, parts: Mapping[str, Callable[[], bool]], stopping: Callable[[], bool]
) -> WebSettings:
    return WebSettings(
        secret_key=_secret(settings.secret_key),
        worker_token=_secret(settings.worker_token),
        username=settings.web_username,
        password=settings.web_password.get_secret_value() if settings.web_password else None,
        api_tokens=settings.api_tokens,
        api_wait=timedelta(seconds=settings.api_wait),
        stopping=stopping,
        secure_cookies=settings.public_url.startswith("https:"),
        version=VERSION,
        ready=lambda: {name: works() for name, works in parts.items()},
    )


def _listener(
    settings: Settings,
    ctx: Context,
    gateway: ServerGateway,
    parts: Mapping[str, Callable[[], bool]],
    desk: SetupDesk,
    stopping: Callable[[], bool],
) -> Any:
    inbox = Inbox(ctx.store, ctx.allowlist, ctx.clock, answer_unknown=settings.answer_unknown_repos)
    webhooks = make_webhooks(inbox, _webhook_config(settings, ctx.forges))
    web = _web_settings(settings, parts, stopping)
    app = make_web(ctx, gateway, web, blueprints=[webhooks, make_setup(desk, web)])
    proxy = (
        {}
        if settings.trusted_proxy is None
        else {
            "trusted_proxy": settings.trusted_proxy,
            "trusted_proxy_headers": {"x-forwarded-for"},
        }
    )
    return create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=_WEB_THREADS,
        ident=None,
        clear_untrusted_proxy_headers=True,
        **proxy,
    )


def _webhook_config(settings: Settings, forges: Forges) -> WebhookConfig:
    secrets: dict[str, list[str]] = {}
    for config in forges.configs:
        secrets.setdefault(config.kind, []).append(config.webhook_secret)
    return WebhookConfig(
        secrets=secrets,
        secret_of=lambda repo: forges.config_of(repo).webhook_secret,
        max_bytes=settings.webhook_max_bytes,
    )


def _worker_settings(settings: Settings) -> WorkerSettings:
    return WorkerSettings(
        data_dir=settings.data_dir,
        name=settings.worker_name or default_name(),
        pool=settings.worker_pool,
        concurrency=settings.worker_concurrency or os.cpu_count() or 2,
        version=VERSION,
        broker_url=settings.broker_url,
        server_url=settings.server_url or "",
        worker_token=_secret(settings.worker_token),
        checkout_dir=settings.checkout_dir,
        terraform_version=settings.terraform_version,
        terraform_distribution=settings.terraform_distribution,
        terraform_download_url=settings.terraform_download_url,
        terraform_signing_keys=settings.terraform_signing_keys,
        module_credentials=settings.module_credentials,
        var_file_allowlist=tuple(Path(folder).expanduser().absolute() for folder in settings.var_file_allowlist),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        stop_grace=timedelta(seconds=settings.stop_grace_seconds),
        environment=dict(os.environ) | _own_secrets(settings),
    )


def _own_secrets(settings: Settings) -> dict[str, str]:
    """Name the server's own secrets, generated ones too: no command is given them, and no output may show them."""
    found = {f"THERA_{name.upper()}": getattr(settings, name) for name in sorted(SECRETS)}
    own = {name: value.get_secret_value() for name, value in found.items() if isinstance(value, SecretStr)}
    for index, entry in enumerate(load_forges(settings) if settings.one_box else ()):
        for name in ("token", "webhook_secret", "app_key"):
            own[f"THERA_FORGE_{index}_{name.upper()}"] = getattr(entry, name)
    return {name: value for name, value in own.items() if value}


def _one_box_worker(settings: Settings, gateway: ServerGateway) -> Worker:
    return make_worker(_worker_settings(settings), OneBoxGateway(gateway))


def make_separate_worker(settings: Settings) -> Worker:
    """Put a worker process together that reaches its server over HTTP."""
    return make_worker(_worker_settings(settings))
