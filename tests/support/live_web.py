"""The web part on a real socket of this machine, served as in production."""

import contextlib
import threading
from collections.abc import Iterator

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server


@contextlib.contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application; gives its address."""
    sockets: dict[int, object] = {}
    server = create_server(app, host="127.0.0.1", port=0, threads=8, ident=None, map=sockets, asyncore_use_poll=True)
    thread = threading.Thread(target=server.run, name="live web", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.asyncore.dispatcher.close(server)
        server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets, ignore_all=True))
        thread.join(10)
        server.task_dispatcher.shutdown(timeout=5)
