"""A local HTTP server of byte ranges with faults: cuts, refusals, changed files; it counts requests, connections and bytes."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status: answer this status and no file; retry_after and location are headers of that answer.
    cut: close the connection after so many bytes of the body. drop: close it without any answer.
    short: give so many bytes of the range only, and say so. long: give this many bytes more than was asked for.
    content_range, encoding, etag: say this in the header of that name. whole: answer 200 with the whole file.
    wrong_byte: change the byte at this position of the file.
    """

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    cut: int | None = None
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
    status: int = 0
    sent: int = 0


@dataclass
class RangeServer:
    """Files by path (bytes, or a file on disk), faults for the next requests in order, and the requests so far.

    when : asked before each request; what it returns is its fault (for faults by position instead of by order).
    """

    files: dict[str, bytes | Path] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    when: Callable[[Request], Fault | None] | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    ranges: bool = True
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> int:
        """Bytes of bodies."""
        return sum(request.sent for request in self.requests)

    def forget(self) -> None:
        """Start counting anew."""
        self.requests.clear()
        self.connections = 0


@contextmanager
def serving(server: RangeServer) -> Iterator[RangeServer]:
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
        http.shutdown()
        http.server_close()
        thread.join()


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


def _handler(server: RangeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
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
            request = Request(unquote(self.path), self.headers.get("Range"))
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
            for name, value in (("Retry-After", fault.retry_after), ("Location", fault.location)):
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def _serve(self, fault: Fault, request: Request, content: _Content) -> None:
            asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.range or "")
            if asked is None or not server.ranges or fault.whole:
                self._send(fault, request, content, 200, 0, content.size, None)
                return
            first, last = asked.groups()
            start = int(first) if first else max(0, content.size - int(last))
            stop = min(content.size, int(last) + 1) if first and last else content.size
            if start >= content.size:
                request.status = 416
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{content.size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            stop = stop if fault.short is None else min(stop, start + fault.short)
            stop = min(content.size, stop + fault.long)
            told = fault.content_range or f"bytes {start}-{stop - 1}/{content.size}"
            self._send(fault, request, content, 206, start, stop, told)

        def _send(
            self,
            fault: Fault,
            request: Request,
            content: _Content,
            status: int,
            start: int,
            stop: int,
            told: str | None,
        ) -> None:
            request.status = status
            self.send_response(status)
            tag = fault.etag or server.etags.get(request.path)
            for name, value in (("Content-Range", told), ("ETag", tag), ("Content-Encoding", fault.encoding)):
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            left = stop - start if fault.cut is None else min(stop - start, fault.cut)
            try:
                for piece in content.pieces(start, start + left):
                    position = start + request.sent
                    request.sent += len(piece)  # before the client has them, or it could ask for the count too early
                    self.wfile.write(_broken(piece, fault, position))
                self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has seen enough
            self.close_connection |= fault.cut is not None

    return Handler


def _broken(piece: bytes, fault: Fault, position: int) -> bytes:
    place = -1 if fault.wrong_byte is None else fault.wrong_byte - position
    if not 0 <= place < len(piece):
        return piece
    return piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
