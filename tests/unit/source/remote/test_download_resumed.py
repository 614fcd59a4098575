"""A download that was interrupted continues where it stopped, sends no byte twice, and never mixes two versions of a file."""

from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from downloads import CONTENT, SHA256, file_server, get, leftovers
from gandl.source.remote import transfer
from gandl.source.remote.retries import DownloadError, Patience
from gandl.source.remote.transfer import Partial
from local_server import Fault, FileServer, etag, serving

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("cut", [0, 1, 4095, 4096, 50_000, len(CONTENT) - 1])
def test_body_cut_anywhere_is_noticed_and_resumed(server: FileServer, target: Path, cut: int) -> None:
    server.faults.append(Fault(cut=cut))
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 206 if cut else 200]
    assert server.sent == len(CONTENT), "no byte is sent twice"


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5))
def test_whatever_cuts_come_the_file_is_whole_and_no_byte_is_sent_twice(cuts: list[int]) -> None:
    files = {"/plate.zip": CONTENT}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(file_server(files, *(Fault(cut=n) for n in cuts))) as server,
    ):
        target = Path(folder) / "plate.zip"
        get(server, target)
        assert target.read_bytes() == CONTENT
        assert server.sent == len(CONTENT)
        assert leftovers(target) == []


def test_many_cuts_are_no_reason_to_give_up_while_bytes_come(server: FileServer, target: Path) -> None:
    server.faults.extend([Fault(cut=5_000)] * 19)
    get(server, target, patience=Patience(tries=2))
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize("lacking", ["ranges", "validators"])
def test_server_that_cannot_resume_is_read_from_the_start(server: FileServer, target: Path, lacking: str) -> None:
    setattr(server, lacking, False)
    server.faults.append(Fault(cut=50_000))
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [200, 200]


def test_validator_that_promises_no_same_bytes_is_not_resumed_on(server: FileServer, target: Path) -> None:
    server.weak = True
    server.faults.append(Fault(cut=50_000))
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, None]


def test_rest_is_asked_for_on_condition_that_the_file_is_the_same(server: FileServer, target: Path) -> None:
    server.faults.append(Fault(cut=50_000))
    get(server, target)
    assert (server.requests[1].range, server.requests[1].if_range) == ("bytes=50000-", etag(CONTENT))


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_file_that_changed_between_tries_is_never_mixed(server: FileServer, target: Path, heeds_if_range: bool) -> None:
    server.heeds_if_range = heeds_if_range
    new = random.Random(8).randbytes(len(CONTENT))

    def change(_: float) -> None:
        server.files["/plate.zip"] = new

    server.faults.append(Fault(cut=50_000))
    get(server, target, sleep=change)
    assert target.read_bytes() == new


def test_shorter_file_behind_a_server_that_answers_416_starts_over(server: FileServer, target: Path) -> None:
    server.faults.extend([Fault(cut=50_000), Fault(status=416)])
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1].range is None


def test_whole_partial_of_a_dead_process_is_only_checked(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    partial = Partial(target)
    partial.begin(transfer.Version(f"{server.base}/plate.zip", None, len(CONTENT)))
    partial.path.write_bytes(CONTENT)
    get(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.requests == []


def test_partial_of_unknown_origin_is_not_trusted(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    Partial(target).path.write_bytes(b"x" * 500)
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_redirect_is_followed_and_resumed(server: FileServer, target: Path) -> None:
    server.files["/elsewhere.zip"] = server.files.pop("/plate.zip")
    redirect = Fault(status=302, location="/elsewhere.zip")
    server.faults.extend([redirect, Fault(cut=70_000), redirect])
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


def test_full_disk_is_one_sentence_and_keeps_what_came(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all = transfer._store

    def fill_up(response: object, file: object, progress: object) -> None:
        file.write(CONTENT[:12_345])  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer, "_store", fill_up)
    with pytest.raises(
        DownloadError, match=r"no space left on the disk for .*plate\.zip .*kept in .*plate\.zip\.partial"
    ):
        get(server, target)
    assert not target.exists()
    monkeypatch.setattr(transfer, "_store", write_all)
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1].range == "bytes=12345-"


def test_killed_download_goes_on_where_it_was(server: FileServer, target: Path) -> None:
    server.faults.append(Fault(hold=65_536))
    code = "import sys; from pathlib import Path; from gandl.source.remote.download import download; "
    code += "download(sys.argv[1], Path(sys.argv[2]))"
    process = subprocess.Popen([sys.executable, "-c", code, f"{server.base}/plate.zip", str(target)])
    partial = Partial(target).path
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 0):
        assert process.poll() is None
        assert time.monotonic() < deadline, "the download did not begin"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.released.set()
    there = partial.stat().st_size
    assert not target.exists()
    get(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1].range == f"bytes={there}-"
    assert server.requests[-1].sent == len(CONTENT) - there
    assert leftovers(target) == []
