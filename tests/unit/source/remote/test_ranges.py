"""Byte ranges against a real local server with faults: the right bytes of one version of one file, or one clear sentence."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gandl.source.remote import web
from gandl.source.remote.ranges import ChangedError, FileRanges, NoRangesError, RangeClient
from gandl.source.remote.retries import DownloadError, MissingError, Patience, Retries
from gandl.source.remote.transfer import Version
from gandl.source.remote.web import Meter, Web
from local_server import Fault, FileServer, Request, serving

CONTENT = random.Random(3).randbytes(300_000)
PATH = "/images.zip"

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(files={PATH: CONTENT, "/copy.zip": CONTENT}, etags={PATH: '"one"'})) as running:
        yield running


@dataclass
class Client:
    """A client that waits for nothing; `pauses` it would have made, `lines` it reported."""

    ranges: RangeClient
    web: Web
    pauses: list[float]
    lines: list[str] = field(default_factory=list)


@contextmanager
def client(server: FileServer, known: Version | None = None, path: str = PATH) -> Iterator[Client]:
    pauses: list[float] = []
    lines: list[str] = []
    retries = Retries(Patience(tries=3), pauses.append, random.Random(0))
    with Web(4, retries, Meter("images.zip", lines.append), lines.append) as connections:
        yield Client(RangeClient(server.base + path, connections, known), connections, pauses, lines)


def test_one_request_of_one_byte_tells_size_and_version(server: FileServer) -> None:
    with client(server) as c:
        assert c.ranges.size == len(CONTENT)
        assert c.ranges.version.validator == '"one"'
    assert [(request.range, request.sent) for request in server.requests] == [("bytes=0-0", 1)]


def test_a_range_is_those_bytes_and_no_others_move(server: FileServer) -> None:
    with client(server) as c:
        assert c.ranges.read(1_000, 90_001) == CONTENT[1_000:90_001]
        assert c.ranges.read(5, 5) == b""
        assert c.web.meter.bytes == server.sent == 89_001


def test_several_threads_read_at_a_time_over_connections_that_are_kept(server: FileServer) -> None:
    spans = [(start, start + 7_000) for start in range(0, 290_000, 5_000)]
    with client(server) as c, ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda span: c.ranges.read(*span), spans))
    assert parts == [CONTENT[start:stop] for start, stop in spans]
    assert len(server.requests) == len(spans)
    assert server.connections <= 4


def test_a_cut_range_goes_on_where_it_was_cut(server: FileServer) -> None:
    server.faults = deque([Fault(cut=10_000), Fault(cut=20_000)])
    with client(server) as c:
        assert c.ranges.read(50, 100_000) == CONTENT[50:100_000]
        assert len(c.pauses) == 2
    assert [request.range for request in server.requests] == [
        "bytes=50-99999",
        "bytes=10050-99999",
        "bytes=30050-99999",
    ]


def test_a_range_that_was_cut_more_often_than_there_are_tries_comes_as_long_as_each_brings_something(
    server: FileServer,
) -> None:
    server.faults = deque([Fault(cut=1_000)] * 10)
    with client(server) as c:
        assert c.ranges.read(0, 20_000) == CONTENT[:20_000]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(status=429),
        Fault(drop=True),
        Fault(short=100),
        Fault(content_range="bytes 7-99/300000"),
        Fault(content_range="rubbish"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(server: FileServer, fault: Fault) -> None:
    server.faults = deque([fault])
    with client(server) as c:
        assert c.ranges.read(1_000, 2_000) == CONTENT[1_000:2_000]
        assert len(c.pauses) == 1
        assert "next try in" in c.lines[0]


def test_a_server_that_asks_to_wait_is_given_the_time(server: FileServer) -> None:
    server.faults = deque([Fault(status=503, retry_after="17")])
    with client(server) as c:
        c.ranges.read(0, 10)
        assert c.pauses == [17.0]


def test_bytes_beyond_the_range_are_left(server: FileServer) -> None:
    server.faults = deque([Fault(long=50_000)])
    with client(server) as c:
        assert c.ranges.read(0, 100_000) == CONTENT[:100_000]
        assert c.ranges.read(100_000, 100_010) == CONTENT[100_000:100_010]


def test_a_server_that_stays_broken_is_named(server: FileServer) -> None:
    server.when = always(Fault(status=503))
    with client(server) as c, pytest.raises(DownloadError, match=r"images.zip \(bytes 3 to 8\).*in 3 tries.*503"):
        c.ranges.read(3, 9)


def test_a_redirect_is_followed(server: FileServer) -> None:
    server.when = only(PATH, Fault(status=302, location="/copy.zip"))
    with client(server) as c:
        assert c.ranges.read(7, 17) == CONTENT[7:17]


def test_redirects_in_a_circle_are_an_error(server: FileServer) -> None:
    server.when = always(Fault(status=302, location=PATH))
    with client(server) as c, pytest.raises(DownloadError, match="redirects"):
        c.ranges.read(0, 1)
    assert c.pauses == []


def test_without_ranges_the_whole_file_is_not_read_and_its_size_is_told(server: FileServer) -> None:
    big = 50_000_000
    server.files[PATH] = bytes(big)
    server.ranges = False
    with client(server) as c, pytest.raises(NoRangesError, match=r"50,000,000 bytes.*images.whole_archive: true"):
        c.ranges.read(10, 20)
    assert c.pauses == []
    assert c.web.meter.bytes == 0
    assert server.sent < big  # what the sockets hold, not the file


@pytest.mark.parametrize("status", [403, 404])
def test_an_absent_file_is_named_at_once(server: FileServer, status: int) -> None:
    server.when = always(Fault(status=status))
    with client(server) as c, pytest.raises(MissingError, match=f"images.zip cannot be downloaded.*{status}"):
        c.ranges.read(0, 1)
    assert c.pauses == []


def test_another_etag_means_that_the_archive_changed(server: FileServer) -> None:
    with client(server) as c:
        c.ranges.read(0, 10)
        server.etags[PATH] = '"two"'
        with pytest.raises(
            ChangedError, match=r'changed between two reads: its ETag or date was "one", now it is "two"'
        ):
            c.ranges.read(10, 20)


def test_a_change_in_the_middle_of_a_range_is_noticed(server: FileServer) -> None:
    server.faults = deque([Fault(cut=1_000), Fault(etag='"two"')])
    with client(server) as c, pytest.raises(ChangedError):
        c.ranges.read(0, 5_000)


@pytest.mark.parametrize("size", [250_000, 300_001])
def test_another_size_means_that_the_archive_changed(server: FileServer, size: int) -> None:
    with client(server, path="/copy.zip") as c:  # no ETag
        c.ranges.read(0, 10)
        server.files["/copy.zip"] = bytes(size)
        with pytest.raises(ChangedError, match=f"its size was 300000, now it is {size}"):
            c.ranges.read(10, 20)


def test_a_shorter_archive_answers_416_and_changed(server: FileServer) -> None:
    with client(server) as c:
        c.ranges.read(0, 10)
        server.files[PATH] = CONTENT[:1_000]
        with pytest.raises(ChangedError, match="now it is 1000"):
            c.ranges.read(2_000, 3_000)


def test_416_of_an_unchanged_file_is_an_error(server: FileServer) -> None:
    server.when = always(Fault(status=416))
    with client(server) as c, pytest.raises(DownloadError, match=r"416: it has no byte 5"):
        c.ranges.read(5, 6)


def test_an_empty_file_is_named(server: FileServer) -> None:
    server.files[PATH] = b""
    with client(server) as c, pytest.raises(DownloadError, match="is empty"):
        _ = c.ranges.size


def test_a_version_known_from_an_earlier_reading_must_still_be_there(server: FileServer) -> None:
    with client(server, Version(server.base + PATH, '"one"', len(CONTENT))) as c:
        assert c.ranges.read(0, 10) == CONTENT[:10]
    with client(server, Version(server.base + PATH, '"zero"', len(CONTENT))) as c, pytest.raises(ChangedError):
        c.ranges.read(0, 10)


def test_a_re_compressed_answer_is_refused(server: FileServer) -> None:
    server.when = always(Fault(encoding="gzip"))
    with client(server) as c, pytest.raises(DownloadError, match="re-compressed"):
        c.ranges.read(0, 10)


def test_an_object_that_was_cut_is_fetched_again_whole(server: FileServer) -> None:
    server.faults = deque([Fault(cut=1_000), Fault(status=500)])
    with client(server) as c:
        assert c.web.get(server.base + PATH) == CONTENT
        assert len(c.pauses) == 2


def test_progress_is_reported_every_few_seconds_with_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(web.time, "monotonic", lambda: now[0])
    lines: list[str] = []
    meter = Meter("images.zip", lines.append)
    for second in range(1, 13):
        with meter.moving():
            now[0] += 0.5
            meter.add(1_000_000)
        now[0] = float(second)  # half the time something else is done; it does not count
    assert lines == ["images.zip: 6.0 MB, 2.0 MB/s", "images.zip: 11.0 MB, 2.0 MB/s"]


def test_a_file_on_disk_gives_its_ranges_and_notices_that_it_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    path.write_bytes(CONTENT)
    file = FileRanges(path)
    assert file.size == len(CONTENT)
    assert file.read(17, 99_000) == CONTENT[17:99_000]
    path.write_bytes(CONTENT[:50])
    with pytest.raises(ChangedError, match=r"became shorter.*ends at byte 50"):
        file.read(17, 99_000)
    file.close()


def always(fault: Fault) -> Callable[[Request], Fault]:
    def when(request: Request) -> Fault:
        return fault

    return when


def only(path: str, fault: Fault) -> Callable[[Request], Fault | None]:
    def when(request: Request) -> Fault | None:
        return fault if request.path == path else None

    return when
