"""Files at addresses whose names hold characters that addresses keep for themselves, from the web and from mirrors."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.source.formats.tables.load_data import read_load_data
from gandl.source.remote.addresses import Addresses
from gandl.source.remote.datasets import path_of_url
from local_server import FileServer, serving

NAME = "Assay Plate_#655090+1 50%?_A01.tif"


@pytest.mark.parametrize("kind", ["address", "folder", "base URL"])
def test_a_name_with_marks_is_requested_as_it_is(kind: str, tmp_path: Path) -> None:
    server = FileServer(files={f"/x y/{NAME}": b"image", f"/127.0.0.1/x y/{NAME}": b"image"})
    copy = tmp_path / "mirror/127.0.0.1/x y" / NAME
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"image")
    with serving(server) as running:
        table = tmp_path / "load_data.csv"
        table.write_text(f"Metadata_Well,FileName_DNA,PathName_DNA\nA1,{NAME},{running.base}/x y\n")
        (site,) = read_load_data(table).sites
        address = str(site.images["DNA"].path)
        mirror = {"address": None, "folder": tmp_path / "mirror", "base URL": running.base}[kind]
        with Addresses(mirror, 1) as addresses:
            assert addresses.fetch([address]) == {address: b"image"}


def test_a_mark_in_an_address_belongs_to_the_name() -> None:
    assert str(path_of_url("https://h.org/a/b#1.tif")) == "h.org/a/b#1.tif"
    assert str(path_of_url("https://h.org/a/b%231.tif?v=2")) == "h.org/a/b#1.tif"
    with serving(FileServer(files={"/b#1.tif": b"image"})) as running, Addresses(None, 1) as addresses:
        assert list(addresses.fetch([f"{running.base}/b#1.tif"]).values()) == [b"image"]
