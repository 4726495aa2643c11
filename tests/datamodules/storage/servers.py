"""HTTP servers of a folder that serve ranges of bytes and, if asked to, fail."""

import random
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAILURES = ("dropped", "error", "stalled", "truncated", "flipped")
STALL = 1.5  # s; longer than the clients of the tests wait


class FolderServer(ThreadingHTTPServer):
    """Serves a folder on this host.

    Attributes:
        share: of the requests that fail, each in one of FAILURES.
        latency: s before every answer.
        ranges: whether it knows ranges of bytes.
        asked: what was asked for: `(name, first byte or None, what went wrong or None)`.
        changed: bytes to send instead of those of a file, by its name.
        statuses: to answer with instead of a file, by its name.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, share: float = 0.0, seed: int = 0, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.share, self.latency, self.ranges = Path(folder), share, latency, True
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.asked: list[tuple[str, int | None, str | None]] = []
        self.changed: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}
        self.queries: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.folder.name}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # clients that gave up


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FolderServer

    def do_GET(self):
        server = self.server
        path, _, query = self.path.partition("?")
        name = path.rpartition("/")[2]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        with server.lock:
            failure = server.random.choice(FAILURES) if server.random.random() < server.share else None
            server.asked.append((name, int(asked[1]) if asked else None, failure))
            server.queries.append(query)
        time.sleep(server.latency)
        if path != f"/{server.folder.name}/{name}" or not (server.folder / name).is_file():
            return self._status(404)
        if name in server.statuses or failure == "error":
            return self._status(server.statuses.get(name, 500))
        data = server.changed.get(name) or (server.folder / name).read_bytes()
        status, total = 200, len(data)
        if asked and server.ranges:
            first, last = int(asked[1]), min(int(asked[2]), total - 1)
            if first >= total:
                return self._status(416)
            status, data = 206, data[first : last + 1]
        if failure == "flipped":
            place = server.random.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        if failure == "truncated":
            data = data[: len(data) // 2]  # with a length that agrees: only who knows the size notices
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        self.end_headers()
        if failure in ("dropped", "stalled"):
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            if failure == "stalled":
                time.sleep(STALL)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        self.wfile.write(data)
        return None

    def _status(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass
