"""Downloads against a real local server with faults: whole and right, or none at all, with one clear sentence."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from downloads import CONTENT, SHA256, file_server, get, leftovers
from gandl.source.remote.download import download
from gandl.source.remote.retries import DownloadError, Patience, Retries
from gandl.source.remote.transfer import Partial
from local_server import Fault, FileServer, serving

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_download_is_the_file_and_leaves_nothing_else(server: FileServer, target: Path) -> None:
    get(server, target, size=len(CONTENT), sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_refusal_is_tried_again(server: FileServer, target: Path, status: int) -> None:
    server.faults.extend([Fault(status=status), Fault(drop=True)])
    pauses = get(server, target)
    assert target.read_bytes() == CONTENT
    assert len(pauses) == 2


def test_pauses_double_up_to_a_limit_with_jitter() -> None:
    patience = Patience(first=1.0, longest=8.0)
    assert [patience.pause(n, None, 0.5) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]
    assert patience.pause(1, None, 0.0) == 0.5
    assert patience.pause(1, None, 0.999) == pytest.approx(1.5, abs=0.01)


def test_server_that_asks_for_a_pause_gets_it_within_limits(server: FileServer, target: Path) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server.faults.extend(Fault(status=503, retry_after=value) for value in ("17", date, "86400", "soon"))
    asked_17, asked_date, asked_day, nonsense = get(server, target, patience=Patience(longest_requested=120, longest=1))
    assert asked_17 == 17
    assert 30 < asked_date <= 40
    assert asked_day == 120
    assert nonsense <= 1.5


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418])
def test_final_refusal_is_not_tried_again(server: FileServer, target: Path, status: int) -> None:
    server.faults.append(Fault(status=status))
    with pytest.raises(DownloadError, match=rf"plate\.zip cannot be downloaded: the server answered {status}"):
        get(server, target)
    assert len(server.requests) == 1
    assert not target.exists()


def test_server_that_never_answers_well_is_given_up_with_what_came(server: FileServer, target: Path) -> None:
    server.faults.extend([Fault(cut=60_000), *[Fault(status=503)] * 10])
    with pytest.raises(DownloadError, match=r"in 3 tries: the server answered 503 .*resume from byte 60000"):
        get(server, target, patience=Patience(tries=3))
    assert not target.exists()
    server.faults.clear()
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


def test_no_server_at_all_is_one_sentence(target: Path) -> None:
    with serving(file_server({})) as gone:
        address = gone.base
    with pytest.raises(DownloadError, match=r"could not be downloaded in 2 tries: the connection broke"):
        download(f"{address}/plate.zip", target, retries=Retries(Patience(tries=2), sleep=lambda _: None))


def test_the_first_digits_of_a_checksum_are_checked(server: FileServer, target: Path) -> None:
    get(server, target, sha256=SHA256[:8])
    assert target.read_bytes() == CONTENT
    target.unlink()
    with pytest.raises(DownloadError, match=f"expected sha256 {'0' * 8}, got {SHA256}"):
        get(server, target, sha256="0" * 8)
    assert leftovers(target) == []


def test_wrong_byte_is_found_by_the_checksum_and_nothing_is_kept(server: FileServer, target: Path) -> None:
    server.faults.append(Fault(wrong_byte=77))
    with pytest.raises(DownloadError, match=rf"was deleted: expected sha256 {SHA256}, got [0-9a-f]{{64}}"):
        get(server, target, sha256=SHA256)
    assert leftovers(target) == []
    get(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_wrong_size_is_refused_before_the_body(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"has 100003 bytes, but 5 were expected"):
        get(server, target, size=5)
    assert not target.exists()


def test_size_is_checked_where_the_server_does_not_tell_it(server: FileServer, target: Path) -> None:
    server.length = False
    server.faults.append(Fault(cut=999))
    with pytest.raises(DownloadError, match=rf"expected {len(CONTENT)} bytes, got 999"):
        get(server, target, size=len(CONTENT))
    assert leftovers(target) == []


def test_endless_redirect_is_one_sentence(server: FileServer, target: Path) -> None:
    server.faults.extend([Fault(status=302, location="/plate.zip")] * 100)
    with pytest.raises(DownloadError, match=r"cannot be downloaded: .*redirects"):
        get(server, target)


def test_complete_file_is_checked_and_kept(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT)
    before = target.stat().st_mtime_ns
    get(server, target, size=len(CONTENT), sha256=SHA256)
    assert target.stat().st_mtime_ns == before
    assert server.requests == []
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(DownloadError, match=r"plate\.zip exists but is not the right file; delete it"):
        get(server, target, size=len(CONTENT))
    assert target.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_device_that_is_really_full_is_one_sentence(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "mirror" / "host.org" / "plate.zip"
    source.parent.mkdir(parents=True)
    source.write_bytes(CONTENT)
    target.parent.mkdir(parents=True)
    Partial(target).path.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="no space left on the disk"):
        download("https://host.org/plate.zip", target, mirror=str(tmp_path / "mirror"))
    assert not target.exists()


class TestMirror:
    url = "https://host.org/plates/plate%20one.zip"

    def test_folder_holds_host_and_path(self, tmp_path: Path, target: Path) -> None:
        copy = tmp_path / "mirror" / "host.org" / "plates" / "plate one.zip"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(CONTENT)
        download(self.url, target, mirror=str(tmp_path / "mirror"), sha256=SHA256, size=len(CONTENT))
        assert target.read_bytes() == CONTENT
        assert leftovers(target) == []
        assert copy.read_bytes() == CONTENT

    def test_wrong_copy_in_a_folder_is_named_and_refused(self, tmp_path: Path, target: Path) -> None:
        copy = tmp_path / "host.org" / "plates" / "plate one.zip"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(CONTENT[::-1])
        with pytest.raises(DownloadError) as refused:
            download(self.url, target, mirror=str(tmp_path), sha256=SHA256[:8], otherwise="leave it out")
        found = hashlib.sha256(CONTENT[::-1]).hexdigest()
        assert str(refused.value) == (
            f"{copy} is not the file of {self.url}: expected sha256 {SHA256[:8]}, got {found}; replace it and run again; "
            "leave it out"
        )
        assert leftovers(target) == []
        assert copy.read_bytes() == CONTENT[::-1]

    def test_missing_copy_says_where_it_was_looked_for(self, tmp_path: Path, target: Path) -> None:
        with pytest.raises(DownloadError, match=rf"looked for {tmp_path}/host\.org/plates/plate one\.zip"):
            download(self.url, target, mirror=str(tmp_path))

    def test_mirror_that_is_no_folder_is_reported(self, tmp_path: Path, target: Path) -> None:
        with pytest.raises(DownloadError, match="neither a folder nor an http"):
            download(self.url, target, mirror=str(tmp_path / "nowhere"))

    def test_base_address_holds_host_and_path(self, server: FileServer, target: Path) -> None:
        server.files["/copies/host.org/plates/plate one.zip"] = CONTENT
        download(self.url, target, mirror=f"{server.base}/copies/", sha256=SHA256)
        assert target.read_bytes() == CONTENT


def test_two_downloads_of_one_target_send_it_once(server: FileServer, target: Path) -> None:
    threads = [threading.Thread(target=get, args=(server, target)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)
    assert leftovers(target) == []
