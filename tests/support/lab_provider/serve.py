"""The process that Terraform starts: go-plugin's handshake, then gRPC on a unix socket.

`tf.runner.run_provider` is not used: it makes a certificate at every start (80 ms of imports and
a race between parallel starts), and on StopProvider it drops the running operation, where real
providers answer it.
"""

import base64
import os
import shutil
import signal
import ssl
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import grpc
from tf.gen import grpc_controller_pb2 as controller
from tf.gen import grpc_controller_pb2_grpc as controller_rpc
from tf.gen import grpc_stdio_pb2_grpc as stdio_rpc
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as provider_rpc
from tf.provider import ProviderServicer
from tf.utils import Diagnostics, read_dynamic_value

from tests.support.lab_provider.provider import Lab, Thing

# Terraform runs ten operations at a time; stopping must not queue behind them.
_THREADS = 32
_ORPHAN_CHECK_SECONDS = 1.0


class Servicer(ProviderServicer):  # type: ignore[misc]  # tf has no types
    """The library's provider, which can also dawdle and fail while it plans a new resource."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._lab = lab

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        diagnostics = Diagnostics()
        Thing(self._lab).prepare(diagnostics, read_dynamic_value(request.config))
        if diagnostics.has_errors():
            return messages.PlanResourceChange.Response(diagnostics=diagnostics.to_pb())
        return super().PlanResourceChange(request, context)

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._lab.stopping.set()
        return super().StopProvider(request, context)


class Controller(controller_rpc.GRPCControllerServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, ended: Event) -> None:
        self._ended = ended

    def Shutdown(self, _request: Any, context: Any) -> Any:  # noqa: N802
        context.add_callback(self._ended.set)  # called once the answer is on its way
        return controller.Empty()


class Stdio(stdio_rpc.GRPCStdioServicer):  # type: ignore[misc]  # generated without types
    def StreamStdio(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802
        return iter(())


def main(tls_folder: str) -> NoReturn:
    """Serve until Terraform says good-bye or is gone, then leave without ceremony."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's goes to the whole group; Terraform says what to do
    ended = Event()
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS))
    provider_rpc.add_ProviderServicer_to_server(Servicer(Lab()), server)
    controller_rpc.add_GRPCControllerServicer_to_server(Controller(ended), server)
    stdio_rpc.add_GRPCStdioServicer_to_server(Stdio(), server)

    key, certificate = (Path(tls_folder, name).read_bytes() for name in ("key.pem", "certificate.pem"))
    folder = tempfile.mkdtemp(prefix="lab-", dir="/tmp")  # short: a socket's path may have 107 bytes
    server.add_secure_port(f"unix://{folder}/s", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(certificate.decode())).decode().rstrip("=")
    sys.stdout.write(f"1|6|unix|{folder}/s|grpc|{der}\n")
    sys.stdout.flush()

    # A killed Terraform says nothing: the parent changes.
    parent = os.getppid()
    while not ended.wait(_ORPHAN_CHECK_SECONDS) and os.getppid() == parent:
        pass
    server.stop(grace=0.1).wait(1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
