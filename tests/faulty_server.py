"""A local HTTP server with faults: cuts, refusals, changed files; it counts what it was asked for and what it sent."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 4096


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status: answer this status and no file; retry_after and location are headers of that answer.
    cut: close the connection after so many bytes of the body. hold: the same, but keep it open and silent until released.
    drop: close the connection without any answer. wrong_byte: change the byte at this position of the file.
    """

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    cut: int | None = None
    hold: int | None = None
    drop: bool = False
    wrong_byte: int | None = None


@dataclass
class Request:
    path: str
    range: str | None
    if_range: str | None
    status: int = 0
    sent: int = 0


@dataclass
class FaultyServer:
    """Files by path, faults for the next requests (in order), and the requests so far."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    ranges: bool = True
    validators: bool = True
    weak: bool = False
    heeds_if_range: bool = True
    length: bool = True
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> int:
        return sum(request.sent for request in self.requests)


@contextmanager
def serving(server: FaultyServer) -> Iterator[FaultyServer]:
    """Run the server while the block runs."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            request = Request(self.path, self.headers.get("Range"), self.headers.get("If-Range"))
            server.requests.append(request)
            fault = server.faults.popleft() if server.faults else Fault()
            if fault.drop:
                return
            if fault.status is not None or self.path not in server.files:
                self._refuse(fault, request)
                return
            content = server.files[self.path]
            start = self._start(request, content)
            if start > 0 and start >= len(content):
                request.status = 416
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self._headers(request, content, start)
            self._body(request, fault, content, start)

        def _refuse(self, fault: Fault, request: Request) -> None:
            request.status = fault.status or 404
            self.send_response(request.status)
            if fault.retry_after is not None:
                self.send_header("Retry-After", fault.retry_after)
            if fault.location is not None:
                self.send_header("Location", fault.location)
            self.end_headers()
            self.wfile.write(b"an error page that must never become data")

        def _start(self, request: Request, content: bytes) -> int:
            if not server.ranges or request.range is None:
                return 0
            changed = request.if_range is not None and request.if_range != etag(content)
            if changed and server.heeds_if_range:
                return 0
            return int(request.range.removeprefix("bytes=").removesuffix("-"))

        def _headers(self, request: Request, content: bytes, start: int) -> None:
            request.status = 206 if start else 200
            self.send_response(request.status)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if server.validators:
                self.send_header("ETag", f"W/{etag(content)}" if server.weak else etag(content))
            if server.length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()

        def _body(self, request: Request, fault: Fault, content: bytes, start: int) -> None:
            body = bytearray(content)
            if fault.wrong_byte is not None:
                body[fault.wrong_byte] ^= 0xFF
            limit = next((n for n in (fault.cut, fault.hold) if n is not None), len(content))
            piece = bytes(body[start : start + limit])
            for position in range(0, len(piece), PIECE):
                part = piece[position : position + PIECE]
                request.sent += len(part)  # before the client has them, or it could ask for the count too early
                self.wfile.write(part)
            self.wfile.flush()
            if fault.hold is not None:
                server.released.wait(30)

    return Handler
