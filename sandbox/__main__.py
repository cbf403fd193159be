"""`python -m sandbox --port 4200`: an empty forge to try things on."""

import argparse
import threading
from pathlib import Path

from sandbox.server import SandboxServer


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A forge for this machine, as GitHub and as GitLab.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--data-dir", type=Path, default=Path(".demo/forge"))
    arguments = parser.parse_args()
    server = SandboxServer(arguments.data_dir.absolute(), host=arguments.host, port=arguments.port).start()
    print(f"The sandbox forge is at {server.url}.")
    print(f"As GitHub, its API is at {server.api_url}; as GitLab, it is at {server.gitlab_url}.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


main()
