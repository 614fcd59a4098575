"""What is known of the file of a mirror that a copy was made from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gandl.source.remote.copies import record_copy, state_of_copy
from gandl.source.remote.origin import origin_file, write_origin

LOCATION = "host/screen/metadata.zip"


class Copies:
    """A folder of downloads, and mirrors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "downloads/metadata.zip"
        self.archive.parent.mkdir()

    def mirror(self, name: str, content: bytes, date: int = 10**18) -> str:
        file = self.folder / name / LOCATION
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(date, date))
        return str(self.folder / name)

    def state(self, mirror: str | None) -> str | None:
        return state_of_copy(self.archive, LOCATION, mirror)

    def copy(self, mirror: str | None) -> str | None:
        """As the job does: what was there is deleted, the record stays; the parameter of the job."""
        parameter = self.state(mirror)
        self.archive.unlink(missing_ok=True)
        origin_file(self.archive).unlink(missing_ok=True)
        assert self.state(mirror) == parameter, "the job must see what Snakemake saw when it planned"
        record_copy(self.archive, LOCATION, mirror, parameter)
        file = self.folder / (mirror or "") / LOCATION
        self.archive.write_bytes(file.read_bytes() if mirror else b"official")
        write_origin(self.archive, mirror, origin_file(self.archive))
        assert self.state(mirror) == parameter, "a finished job would run again"
        return parameter


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path)


def test_a_repaired_file_has_another_state_and_one_copy_settles_it(copies: Copies) -> None:
    first = copies.copy(copies.mirror("m", b"damaged"))
    longer = copies.state(copies.mirror("m", b"repaired and longer"))
    assert longer not in (None, first)
    later = copies.state(copies.mirror("m", b"another", 10**18 + 5_000))
    assert later not in (None, first, longer)
    assert copies.copy(str(copies.folder / "m")) == later


def test_the_state_holds_size_and_date_and_no_path(copies: Copies) -> None:
    state = copies.copy(copies.mirror("m", b"12345"))
    assert state == "5 bytes of 2001-09-09T01:46:40.000000+00:00"
    record = (copies.archive.parent / "metadata.zip.copy.json").read_text(encoding="utf-8")
    assert str(copies.folder) not in record
    assert json.loads(record)["bytes"] == 5


def test_a_mirror_left_out_absent_or_moved_keeps_the_state(copies: Copies) -> None:
    first = copies.copy(copies.mirror("m", b"12345"))
    moved = copies.mirror("elsewhere", b"12345", 10**18 + 7_000)
    for mirror in (None, "", moved, str(copies.folder / "absent"), "https://example.org/mirror"):
        assert copies.state(mirror) == first, mirror


def test_a_copy_forced_from_another_mirror_keeps_the_state_and_follows_that_mirror(copies: Copies) -> None:
    first = copies.copy(copies.mirror("m", b"12345"))
    moved = copies.mirror("elsewhere", b"54321", 10**18 + 7_000)
    assert copies.copy(moved) == first
    assert copies.state(str(copies.folder / "m")) == first
    assert copies.state(copies.mirror("elsewhere", b"54321", 10**18 + 9_000)) != first
    assert copies.state(copies.mirror("third", b"another size")) != first


def test_a_forced_official_download_keeps_the_state(copies: Copies) -> None:
    first = copies.copy(copies.mirror("m", b"12345"))
    assert copies.copy(None) == first


def test_an_official_file_is_not_replaced_because_a_mirror_appears(copies: Copies) -> None:
    assert copies.copy(None) is None
    assert copies.state(copies.mirror("m", b"whatever")) is None


def test_a_copy_of_an_earlier_version_is_kept_until_the_size_differs(copies: Copies) -> None:
    mirror = copies.mirror("m", b"12345")
    copies.archive.write_bytes(b"12345")
    write_origin(copies.archive, mirror, origin_file(copies.archive))
    assert copies.state(mirror) is None
    assert copies.state(copies.mirror("m", b"repaired")) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"place": 1}'])
def test_a_record_that_cannot_be_read_is_as_none(copies: Copies, content: str) -> None:
    first = copies.copy(copies.mirror("m", b"12345"))
    (copies.archive.parent / "metadata.zip.copy.json").write_text(content)
    assert first is not None
    assert copies.state(str(copies.folder / "m")) is None
