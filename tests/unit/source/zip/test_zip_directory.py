"""Tables of members: what Python's own reader finds, in order of place; and every archive that cannot be read by its members."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from gandl.config import ImagesSettings
from gandl.source.remote.ranges import ChangedError, FileRanges
from gandl.source.remote.retries import DownloadError, Retries
from gandl.source.zip import directory as zip_directory
from gandl.source.zip.directory import ZipDirectoryError, read_directory, scan, write_directory
from image_places import PLACE, URL
from local_server import Fault, FileServer
from small_zip import Entry, Written, image_entries, write_zip

KEYS = [f"HRCE-1/Plate{plate}/AA02_s1_w{channel}.png" for plate in (1, 2, 25) for channel in range(1, 6)]

pytestmark = pytest.mark.usefixtures("no_proxy")


def members_of(content: bytes, folder: Path) -> pa.Table:
    path = folder / "images.zip"
    path.write_bytes(content)
    archive = FileRanges(path)
    try:
        return scan(archive)
    finally:
        archive.close()


def refusal(content: bytes, folder: Path) -> str:
    with pytest.raises(ZipDirectoryError) as caught:
        members_of(content, folder)
    assert "images.zip" in str(caught.value)
    return str(caught.value)


def test_a_zip_of_python_is_read_as_python_reads_it(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    numbers = random.Random(0)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"a comment"
        archive.mkdir("RxRx19a")
        for i, key in enumerate(KEYS):
            kind = zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED
            archive.writestr(f"RxRx19a/images/{key}", numbers.randbytes(100 + i) + bytes(500), kind)
        archive.writestr("RxRx19a/grüße.txt", b"hello")
    with zipfile.ZipFile(buffer) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        directory = archive.start_dir
    members = members_of(buffer.getvalue(), tmp_path)
    expected = {
        "name": [info.filename for info in infos],
        "key": [*KEYS, "RxRx19a/grüße.txt"],
        "offset": [info.header_offset for info in infos],
        "end": [*(info.header_offset for info in infos[1:]), directory],
        "compressed": [info.compress_size for info in infos],
        "size": [info.file_size for info in infos],
        "crc": [info.CRC for info in infos],
        "method": [info.compress_type for info in infos],
        "flags": [info.flag_bits for info in infos],
    }
    assert members.to_pydict() == expected


@given(
    st.integers(1, 60),
    st.booleans(),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.integers(0, 0xFFFF),
)
@settings(max_examples=25, deadline=None)
def test_zip64_fields_and_comments_of_any_length_are_read(
    tmp_path_factory: pytest.TempPathFactory, n: int, zip64: bool, wide: list[bool], comment: int
) -> None:
    keys = [f"HRCE-1/Plate1/{i}.png" for i in range(n)]
    entries = [replace(entry, zip64=wide[i]) for i, entry in enumerate(image_entries(keys, size=20))]
    written = write_zip(entries, comment=(b"PK\x05\x06" * comment)[:comment], zip64=zip64)
    members = members_of(written.content, tmp_path_factory.mktemp("zip"))
    assert members["key"].to_pylist() == keys
    assert members["offset"].to_pylist() == written.offsets
    assert members["end"].to_pylist() == written.ends
    assert members["size"].to_pylist() == members["compressed"].to_pylist() == [20] * n


def test_members_are_sorted_by_place_however_the_directory_lists_them(tmp_path: Path) -> None:
    content = write_zip(image_entries(KEYS[:2])).content
    start = content.index(b"PK\x01\x02")
    middle = content.index(b"PK\x01\x02", start + 1)
    end = content.rindex(b"PK\x05\x06")
    swapped = content[:start] + content[middle:end] + content[start:middle] + content[end:]
    assert members_of(swapped, tmp_path).equals(members_of(content, tmp_path))


def test_pieces_of_any_size_give_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_zip(image_entries(KEYS, zip64=True)).content
    whole = members_of(content, tmp_path)
    for piece, entries in ((1, 4), (97, 1), (1_000, 3)):
        monkeypatch.setattr(zip_directory, "PIECE", piece)
        monkeypatch.setattr(zip_directory, "ENTRIES", entries)
        assert members_of(content, tmp_path).combine_chunks().equals(whole.combine_chunks())


def test_folders_and_the_shadow_files_of_macos_are_left_out(tmp_path: Path) -> None:
    extra = [Entry(b"RxRx19a/"), Entry(b"__MACOSX/RxRx19a/images/HRCE-1/Plate1/._AA02_s1_w1.png", b"x")]
    members = members_of(write_zip([extra[0], *image_entries(KEYS), extra[1]]).content, tmp_path)
    assert members["key"].to_pylist() == KEYS


def test_an_empty_archive_has_no_members(tmp_path: Path) -> None:
    assert members_of(write_zip([]).content, tmp_path).num_rows == 0


def test_no_zip_and_a_truncated_zip_are_distinguished(tmp_path: Path) -> None:
    content = write_zip(image_entries(KEYS)).content
    assert "is not a zip" in refusal(b"<html>not here</html>", tmp_path)
    assert "is not a zip" in refusal(b"", tmp_path)
    for kept in (len(content) - 1, len(content) - 30, len(content) // 2):
        assert "is truncated: it begins as a zip" in refusal(content[:kept], tmp_path)


def test_a_damaged_directory_is_named_with_the_entry(tmp_path: Path) -> None:
    written = write_zip(image_entries(KEYS))
    third = [i for i in range(len(written.content)) if written.content.startswith(b"PK\x01\x02", i)][2]
    assert "entry 3 is not an entry" in refusal(written.with_byte(third), tmp_path)


def test_a_directory_with_fewer_or_more_entries_than_it_says_is_refused(tmp_path: Path) -> None:
    entries = image_entries(KEYS)
    assert "is truncated: 15 of 16 entries" in refusal(write_zip(entries, claimed=16).content, tmp_path)
    assert "continues after the 14 entries" in refusal(write_zip(entries, claimed=14).content, tmp_path)


def test_a_directory_that_lies_beyond_its_end_record_is_refused(tmp_path: Path) -> None:
    content = bytearray(write_zip(image_entries(KEYS)).content)
    struct.pack_into("<L", content, len(content) - 6, len(content))
    assert "does not end before its end record" in refusal(bytes(content), tmp_path)


def test_a_lost_zip64_record_or_field_is_named(tmp_path: Path) -> None:
    written = write_zip(image_entries(KEYS), zip64=True)
    assert "its ZIP64 end record is not at byte" in refusal(
        written.with_byte(written.content.rindex(b"PK\x06\x06")), tmp_path
    )
    wide = write_zip(image_entries(KEYS, zip64=True))
    field = wide.content.rindex(struct.pack("<2H", 1, 24))
    assert f"{KEYS[-1]} has no ZIP64 field for its size" in refusal(wide.with_byte(field), tmp_path)


def test_one_part_of_several_is_refused(tmp_path: Path) -> None:
    assert "one part of a zip of several" in refusal(write_zip(image_entries(KEYS), disk=1).content, tmp_path)
    assert "one part of a zip of several" in refusal(write_zip(image_entries(KEYS, disk=1)).content, tmp_path)


@pytest.mark.parametrize(
    "name", [b"../outside.png", b"RxRx19a/../../x.png", b"/etc/x.png", b"C:\\x.png", b"a\\..\\x.png", b"RxRx19a/.."]
)
def test_a_member_whose_path_leads_out_is_refused(tmp_path: Path, name: bytes) -> None:
    reported = refusal(write_zip([*image_entries(KEYS), Entry(name, b"x")]).content, tmp_path)
    assert "a member whose path leads out of the archive" in reported
    assert repr(name.decode()) in reported


def test_names_with_dots_are_no_traversal(tmp_path: Path) -> None:
    written = write_zip([Entry(b"RxRx19a/images/HRCE-1/Plate1/AA02..s1.png", b"x")])
    assert members_of(written.content, tmp_path).num_rows == 1


def test_all_kinds_of_mistakes_are_reported_at_once_with_their_members(tmp_path: Path) -> None:
    a, b, c, d, e, *rest = image_entries(KEYS)
    wrong = [replace(a, flags=1), replace(b, method=12), replace(c, size=7), replace(d, name=b"x/" + a.name), e, *rest]
    reported = refusal(write_zip(wrong).content, tmp_path)
    assert f"that is encrypted: '{a.name.decode()}'" in reported
    assert f"that is neither stored nor compressed by deflate: '{b.name.decode()}'" in reported
    assert f"that is stored uncompressed, but with two sizes: '{c.name.decode()}'" in reported
    assert "with the same folder, plate and file name as another one" in reported
    assert "x/RxRx19a/images/HRCE-1/Plate1/AA02_s1_w1.png" in reported


def test_of_many_mistakes_of_a_kind_a_few_are_named(tmp_path: Path) -> None:
    reported = refusal(write_zip(image_entries(KEYS, flags=1)).content, tmp_path)
    assert "and 10 more" in reported


def test_a_member_that_reaches_beyond_the_next_one_is_refused(tmp_path: Path) -> None:
    content = bytearray(write_zip(image_entries(KEYS)).content)
    entry = content.index(b"PK\x01\x02")
    struct.pack_into("<2L", content, entry + 20, 10_000, 10_000)
    assert "that runs into the next one, or beyond the archive's end" in refusal(bytes(content), tmp_path)


class TestTable:
    """`write_directory` and `read_directory`: the table on disk."""

    @pytest.fixture
    def archive(self) -> Written:
        return write_zip(image_entries(KEYS))

    @pytest.fixture
    def output(self, tmp_path: Path) -> Path:
        return tmp_path / "downloads" / f"{PLACE}.members.parquet"

    def test_remote_and_local_archives_give_the_same_members(
        self, archive: Written, server: FileServer, tmp_path: Path, output: Path
    ) -> None:
        mirror = tmp_path / "mirror"
        (mirror / PLACE).parent.mkdir(parents=True)
        (mirror / PLACE).write_bytes(archive.content)
        server.files[f"/{PLACE}"] = archive.content
        write_directory(URL, mirror, output, ImagesSettings())
        local = read_directory(output)
        write_directory(URL, server.base, output, ImagesSettings())
        remote = read_directory(output)
        assert remote.members.equals(local.members)
        assert remote.version.size == local.version.size == len(archive.content)
        assert (remote.version.validator, local.version.validator) == ('"one"', None)
        assert str(tmp_path).encode() not in output.read_bytes()

    def test_the_rows_of_a_store_are_found_by_prefix_or_key_and_no_other_group_is_read(
        self, archive: Written, tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / PLACE).parent.mkdir(parents=True)
        (tmp_path / PLACE).write_bytes(archive.content)
        monkeypatch.setattr(zip_directory, "ROW_GROUP", 4)
        write_directory(URL, tmp_path, output, ImagesSettings())
        read: list[int] = []
        rows = zip_directory._rows
        monkeypatch.setattr(zip_directory, "_rows", lambda *a: read.append(a[1]) or rows(*a))
        assert read_directory(output, prefixes=["HRCE-1/Plate2/"]).members["key"].to_pylist() == KEYS[5:10]
        assert read == [1, 2]
        assert read_directory(output, keys=[KEYS[14], "HRCE-9/Plate1/none.png"]).members["key"].to_pylist() == [
            KEYS[14]
        ]
        assert read_directory(output, keys=KEYS[:1], prefixes=["HRCE-1/Plate25/"]).members.num_rows == 6
        assert read_directory(output, keys=()).members.num_rows == 0
        assert read_directory(output).members["key"].to_pylist() == KEYS

    def test_what_is_no_table_of_members_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "x.members.parquet"
        with pytest.raises(ZipDirectoryError, match="not a table of an archive's members"):
            read_directory(path)
        path.write_bytes(b"PAR1 or so")
        with pytest.raises(ZipDirectoryError, match=r"x.members.parquet.*delete it and run again"):
            read_directory(path)

    def test_an_archive_that_changes_while_its_directory_is_read_leaves_nothing(
        self, archive: Written, server: FileServer, output: Path
    ) -> None:
        server.files[f"/{PLACE}"] = archive.content
        server.faults.extend([Fault(), Fault(etag='"two"')])
        with pytest.raises(ChangedError, match="changed between two reads"):
            write_directory(URL, server.base, output, ImagesSettings())
        assert not output.exists()

    def test_a_server_without_ranges_is_refused_with_the_size_unless_the_whole_archive_may_come(
        self, archive: Written, server: FileServer, output: Path
    ) -> None:
        server.files[f"/{PLACE}"] = archive.content
        server.ranges = False
        retries = Retries(sleep=_no_waiting)
        with pytest.raises(
            DownloadError, match=rf"no byte ranges.*{len(archive.content):,} bytes.*images.whole_archive"
        ):
            write_directory(URL, server.base, output, ImagesSettings(), retries=retries)
        write_directory(URL, server.base, output, ImagesSettings(whole_archive=True), retries=retries)
        assert read_directory(output).members["key"].to_pylist() == KEYS
        assert output.with_name("RxRx19a-images.zip").read_bytes() == archive.content

    def test_a_mirror_without_the_archive_is_reported_where_it_was_looked_for(
        self, tmp_path: Path, output: Path
    ) -> None:
        with pytest.raises(DownloadError, match=rf"the mirror has no copy of {URL}.*{PLACE}"):
            write_directory(URL, tmp_path, output, ImagesSettings())
        with pytest.raises(DownloadError, match="neither a folder nor an http"):
            write_directory(URL, tmp_path / "absent", output, ImagesSettings())


def _no_waiting(seconds: float) -> None:
    raise AssertionError(f"nothing here is worth {seconds} s of waiting")
