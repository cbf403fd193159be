"""The composition root: settings become a running server or worker, one small function a part."""

import hashlib
import hmac
import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from celery import Celery
from flask import Blueprint
from waitress.server import create_server

from server.artifacts.crypto import Keyring
from server.artifacts.store import open_store
from server.artifacts.vault import PlanVault
from server.config.server_file import load_server_file
from server.config.settings import Settings
from server.forges.allowlist import Allowlist
from server.forges.registry import Forges
from server.inbox import Inbox, parse_delivery
from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context, Rules
from server.orchestration.poll import poll
from server.orchestration.reconcile import reconcile
from server.store.session import make_engine, migrate
from server.store.unit_of_work import Store
from server.tasks.app import make_app as make_celery
from server.tasks.loops import EmbeddedReactor, Ticker
from server.tasks.reactor import Ringer, register
from server.version import VERSION
from server.web.app import make_app as make_web
from server.web.settings import WebSettings
from workers.bootstrap import Worker, make_worker
from workers.settings import WorkerSettings

log = structlog.get_logger()
