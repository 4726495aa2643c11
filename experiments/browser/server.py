"""A page on this computer, by Python's own server."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

from datamodules.errors import DataError

HOST = "127.0.0.1"
# Some systems know other types, with which browsers refuse modules.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class PageHandler(SimpleHTTPRequestHandler):
    """Files with the types that browsers want, and nothing on the terminal."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | _TYPES

    @override
    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was built anew is seen
        super().end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


def page_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder, for this computer alone; `serve_forever` starts it.

    Args:
        folder: of the page.
        port: 0: a free one, which is `server_port`.

    Raises:
        DataError: the port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(PageHandler, directory=str(folder)))
    except OSError as error:
        raise DataError(f"--serve {port}: {error.strerror}; take another port, or 0 for a free one") from error
