"""Damaged archives and broken servers: each is named, member by member, or overcome; never a wrong byte."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from gandl.source.members import MemberError
from gandl.source.remote.retries import DownloadError
from image_places import KEYS, PLACE, STORE, Place
from local_server import Fault, FileServer, serving
from small_zip import Entry, image_entries

pytestmark = pytest.mark.usefixtures("no_proxy")


class TestDamage:
    """What is wrong inside an archive, on disk and by range: each member is named, and what is wrong with it."""

    def refusal(self, entries: list[Entry], server: FileServer, folder: Path) -> str:
        place = Place(entries, server, folder)
        reported = []
        for source in (place.local(), place.remote()):
            with source, pytest.raises(MemberError) as caught:
                source.fetch(STORE)
            where, _, what = str(caught.value).partition("\n")
            assert "RxRx19a-images.zip holds damaged members" in where
            reported.append(what)
        assert reported[0] == reported[1]
        return reported[0]

    def test_a_wrong_crc(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS)
        entries[11] = replace(entries[11], crc=0x12345678)
        reported = self.refusal(entries, server, tmp_path)
        assert f"  {entries[11].name.decode()}: its CRC is " in reported
        assert "the directory says 12345678" in reported

    def test_every_damaged_member_is_named(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS)
        entries[11] = replace(entries[11], crc=1)
        entries[13] = replace(entries[13], local_sign=b"PK\x00\x00")
        entries[14] = replace(entries[14], local_name=entries[13].name)
        entries[15] = replace(entries[15], method=8, cut=3)
        entries[16] = replace(entries[16], method=8, size=399)
        entries[17] = replace(entries[17], method=8, size=401)
        lines = self.refusal(entries, server, tmp_path).split("\n")
        assert len(lines) == 6
        for line, what in zip(
            lines,
            (
                "its CRC is",
                "there is no header at byte",
                "its header has another name",
                "its data end too early",
                "it has more than the 399 bytes that the directory says",
                "it has 400 bytes, not the 401 bytes that the directory says",
            ),
            strict=True,
        ):
            assert what in line

    def test_a_deflate_stream_of_rubbish(self, server: FileServer, tmp_path: Path) -> None:
        place = Place(image_entries(KEYS, method=8), server, tmp_path)
        begin = place.written.offsets[10] + 30 + len(place.entries[10].name)
        broken = bytearray(place.written.content)
        broken[begin : begin + 50] = b"\xff" * 50
        with place.local(bytes(broken)) as source, pytest.raises(MemberError, match="it cannot be unpacked"):
            source.fetch(STORE)

    def test_a_member_that_claims_to_be_huge_is_not_even_read(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS, method=8)
        entries[11] = replace(entries[11], size=65 << 20)
        place = Place(entries, server, tmp_path)
        with place.remote() as source:
            server.forget()
            with pytest.raises(
                MemberError, match=r"too large for an image(.|\n)*AA02_s1_w2.png claims 68,157,440 bytes"
            ):
                source.fetch(STORE)
        assert server.requests == []

    def test_a_bomb_is_not_unpacked_beyond_the_size_it_claims(self, server: FileServer, tmp_path: Path) -> None:
        entries = image_entries(KEYS)
        entries[11] = replace(entries[11], content=bytes(100 << 20), method=8, size=1_000)
        reported = self.refusal(entries, server, tmp_path)
        assert "it has more than the 1,000 bytes" in reported


class TestServers:
    def test_a_connection_cut_in_a_member_goes_on_there(self, place: Place) -> None:
        with place.remote() as source:
            place.server.faults = deque([Fault(cut=700)])
            assert source.fetch(STORE) == place.contents(STORE)
        assert len(place.pauses) == 1
        assert place.server.sent == 1 + place.written.ends[-1] - place.written.offsets[10]

    def test_busy_servers_are_waited_for(self, place: Place) -> None:
        with place.remote() as source:
            place.server.faults = deque([Fault(status=503, retry_after="9"), Fault(drop=True)])
            assert source.fetch(STORE) == place.contents(STORE)
        assert place.pauses[0] == 9.0
        with place.objects() as source:
            for faults in (
                [Fault(status=503), Fault(cut=100)],
                [Fault(status=429)],
            ):  # fewer than the tries of one request
                place.server.faults = deque(faults)
                assert source.fetch(STORE) == place.contents(STORE)

    def test_a_byte_that_changed_on_the_way_is_found_by_its_crc(self, place: Place) -> None:
        with place.remote() as source:
            place.server.faults = deque([Fault(wrong_byte=place.written.ends[12] - 5)])
            with pytest.raises(MemberError, match=r"AA02_s1_w3.png: its CRC is"):
                source.fetch(STORE)

    def test_an_archive_that_changed_since_its_table_was_made_is_refused_with_what_to_delete(
        self, place: Place
    ) -> None:
        place.remote()
        place.server.etags[f"/{PLACE}"] = '"two"'
        with pytest.raises(MemberError, match=r'was "one", now it is "two"; delete .*members.parquet and run again'):
            place.remote()

    def test_an_archive_that_changes_between_two_reads_is_refused(self, place: Place) -> None:
        with place.remote() as source:
            source.fetch(STORE)
            place.server.etags[f"/{PLACE}"] = '"two"'
            with pytest.raises(MemberError, match="changed between two reads"):
                source.fetch(KEYS[:10])

    def test_another_archive_on_disk_than_the_one_of_the_table_is_refused(self, place: Place) -> None:
        with pytest.raises(MemberError, match=r"but its table of members was made from .*; delete .*members.parquet"):
            place.local(place.written.content + b"more", listed=True)

    def test_the_same_archive_on_another_server_needs_no_new_table(self, place: Place) -> None:
        place.remote()
        with serving(FileServer(files=dict(place.server.files), etags={f"/{PLACE}": '"elsewhere"'})) as other:
            place.server = other
            with place.remote() as source:
                assert source.fetch(STORE) == place.contents(STORE)

    def test_a_server_without_ranges_is_refused_before_its_file_is_read(self, place: Place) -> None:
        place.remote()
        place.server.ranges = False
        with pytest.raises(DownloadError, match=r"no byte ranges.*bytes.*images.whole_archive: true"):
            place.remote()
        assert place.pauses == []

    def test_the_whole_archive_is_downloaded_once_where_that_is_allowed(self, place: Place) -> None:
        place.remote()
        place.server.ranges = False
        with place.remote(whole_archive=True) as source:
            assert source.fetch(STORE) == place.contents(STORE)
        assert place.directory.with_name("RxRx19a-images.zip").read_bytes() == place.written.content
        with place.remote() as source:
            assert source.fetch(KEYS) == place.contents(KEYS)
        assert place.server.requests == []
