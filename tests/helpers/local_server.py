"""A local HTTP server of files and byte ranges, with faults: cuts, refusals, changed files; it counts requests and bytes."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

PIECE = 1 << 16
LONGEST_HOLD = 30
"""Seconds."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status: answer this status and no file; retry_after and location are headers of that answer.
    cut: close the connection after so many bytes of the body. hold: the same, but keep it open and silent until released.
    drop: close the connection without any answer.
    short: give so many bytes of the range only, and say so. long: give this many bytes more than was requested.
    content_range, encoding, etag: say this in the header of that name. whole: answer 200 with the whole file.
    wrong_byte: change the byte at this position of the file.
    """

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    cut: int | None = None
    hold: int | None = None
    drop: bool = False
    short: int | None = None
    long: int = 0
    content_range: str | None = None
    encoding: str | None = None
    etag: str | None = None
    whole: bool = False
    wrong_byte: int | None = None


@dataclass
class Request:
    path: str
    range: str | None
    if_range: str | None = None
    status: int = 0
    sent: int = 0


@dataclass
class FileServer:
    """Files by path (bytes, or a file on disk), faults for the next requests in order, and the requests so far.

    etags : by path. validators : files in memory without one are tagged by their content. weak : tags promise no same bytes.
    when : called before each request; what it returns is its fault (for faults by position instead of by order).
    ranges, heeds_if_range, length : what the server can do. keep_alive : HTTP/1.1, otherwise 1.0.
    released : ends every hold.
    """

    files: dict[str, bytes | Path] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    etags: dict[str, str] = field(default_factory=dict)
    when: Callable[[Request], Fault | None] | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    ranges: bool = True
    validators: bool = False
    weak: bool = False
    heeds_if_range: bool = True
    length: bool = True
    keep_alive: bool = True
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> int:
        """Bytes of bodies."""
        return sum(request.sent for request in self.requests)

    def forget(self) -> None:
        """Start counting from 0."""
        self.requests.clear()
        self.connections = 0

    def etag_of(self, path: str) -> str | None:
        content = self.files[path]
        tagged = self.validators and isinstance(content, bytes)
        return self.etags.get(path) or (etag(content) if tagged else None)


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Run the server while the block runs."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    http.block_on_close = False
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


class _Content:
    """A file of the server, in memory or on disk."""

    def __init__(self, content: bytes | Path) -> None:
        self._content = content
        self.size = len(content) if isinstance(content, bytes) else content.stat().st_size

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        if isinstance(self._content, bytes):
            for position in range(start, stop, PIECE):
                yield self._content[position : min(stop, position + PIECE)]
            return
        with self._content.open("rb") as file:
            yield from _pieces(file, start, stop)


def _pieces(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop and (piece := file.read(min(PIECE, stop - start))):
        start += len(piece)
        yield piece


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if server.keep_alive else "HTTP/1.0"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # the client has seen enough
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            request = Request(unquote(self.path), self.headers.get("Range"), self.headers.get("If-Range"))
            server.requests.append(request)
            fault = (server.when(request) if server.when else None) or (
                server.faults.popleft() if server.faults else Fault()
            )
            if fault.drop:
                self.close_connection = True
            elif fault.status is not None or request.path not in server.files:
                self._refuse(fault, request)
            else:
                self._serve(fault, request, _Content(server.files[request.path]))

        def _refuse(self, fault: Fault, request: Request) -> None:
            page = b"an error page that must never become data"
            request.status = fault.status or 404
            self.send_response(request.status)
            self._headers({"Retry-After": fault.retry_after, "Location": fault.location}, len(page))
            self.wfile.write(page)

        def _serve(self, fault: Fault, request: Request, content: _Content) -> None:
            wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.range or "")
            changed = request.if_range not in (None, server.etag_of(request.path))
            if wanted is None or not server.ranges or fault.whole or (changed and server.heeds_if_range):
                self._send(fault, request, content, 200, 0, content.size, None)
                return
            first, last = wanted.groups()
            start = int(first) if first else max(0, content.size - int(last))
            stop = min(content.size, int(last) + 1) if first and last else content.size
            if start >= content.size:
                request.status = 416
                self.send_response(416)
                self._headers({"Content-Range": f"bytes */{content.size}"}, 0)
                return
            stop = stop if fault.short is None else min(stop, start + fault.short)
            stop = min(content.size, stop + fault.long)
            said = fault.content_range or f"bytes {start}-{stop - 1}/{content.size}"
            self._send(fault, request, content, 206, start, stop, said)

        def _send(
            self,
            fault: Fault,
            request: Request,
            content: _Content,
            status: int,
            start: int,
            stop: int,
            said: str | None,
        ) -> None:
            request.status = status
            self.send_response(status)
            tag = server.etag_of(request.path)
            tag = fault.etag or (f"W/{tag}" if tag and server.weak else tag)
            headers = {"Content-Range": said, "ETag": tag, "Content-Encoding": fault.encoding}
            self._headers(headers, stop - start if server.length else None)
            limit = next((n for n in (fault.cut, fault.hold) if n is not None), stop - start)
            try:
                for piece in content.pieces(start, min(stop, start + limit)):
                    position = start + request.sent
                    request.sent += len(piece)  # before the client has them, or it could look at the count too early
                    self.wfile.write(_broken(piece, fault, position))
                self.wfile.flush()
                if fault.hold is not None:
                    server.released.wait(LONGEST_HOLD)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has seen enough
            self.close_connection |= fault.cut is not None or fault.hold is not None or not server.length

        def _headers(self, headers: dict[str, str | None], length: int | None) -> None:
            for name, value in (headers | {"Content-Length": None if length is None else str(length)}).items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

    return Handler


def _broken(piece: bytes, fault: Fault, position: int) -> bytes:
    place = -1 if fault.wrong_byte is None else fault.wrong_byte - position
    if not 0 <= place < len(piece):
        return piece
    return piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
