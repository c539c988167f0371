"""Serve a built site on this machine: python web/serve.py [FOLDER] [--port 8000]

The headers isolate the page from other sites, which WebAssembly needs for several threads. The page below play/ also
gets its content security policy as a header.
"""

import argparse
import re
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}


def policy_of(page: Path) -> str:
    """The content security policy in a page, and that no other page may frame it."""
    found = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]+)"', page.read_text(encoding="utf-8"))
    assert found is not None
    return f"{found[1]}; frame-ancestors 'none'"


class Handler(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}

    def __init__(self, *args: object, policies: dict[str, str], quiet: bool = False, **named: object) -> None:
        self.policies, self.quiet = policies, quiet
        super().__init__(*args, **named)  # type: ignore[arg-type]

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        for prefix, policy in self.policies.items():
            if self.path.startswith(prefix):
                self.send_header("Content-Security-Policy", policy)
        super().end_headers()

    def log_message(self, *args: object) -> None:
        if not self.quiet:
            super().log_message(*args)  # type: ignore[arg-type]


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves before an answer ends is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def server(folder: Path, port: int = 0, quiet: bool = False) -> Server:
    """A server of a folder, at this machine's own address only; port 0 takes a free one."""
    pages = {"/play/": folder / "play" / "index.html"}
    policies = {prefix: policy_of(page) for prefix, page in pages.items() if page.is_file()}
    handler = partial(Handler, directory=str(folder), policies=policies, quiet=quiet)
    return Server(("127.0.0.1", port), handler)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a built site on this machine.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "site")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    if not (given.folder / "play" / "index.html").is_file():
        sys.exit(f"{given.folder} holds no page in play/; build it with 'python web/build.py'")
    try:
        with server(given.folder, given.port) as found:
            print(f"http://127.0.0.1:{found.server_port}/play/  (Control+C ends it)", flush=True)
            found.serve_forever()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"port {given.port} cannot be used ({error.strerror}); choose another one with --port")


if __name__ == "__main__":
    main()
