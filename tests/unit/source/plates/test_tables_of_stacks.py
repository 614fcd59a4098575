"""Tables whose files hold all channels of a site, channels that are left out, and columns of illumination functions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import PlatesSettings, Projection
from gandl.source.plates.references import Address, Selector
from gandl.source.plates.sites import channels_of, images_in, read_plates, write_sites
from gandl.source.plates.state import states_of_stores
from plate_files import folder_of, lab, write_csv
from stack_files import CHANNELS, noise, write_ome_tiff, write_ome_zarr

STACK = noise(3, 2, 64, 64)


def stacks(folder: Path, *wells: str, **more: object) -> PlatesSettings:
    for well in wells:
        write_ome_tiff(folder / f"lab/{well}.ome.tif", STACK, "CZYX")
    rows = [{"well": well, "file": f"{well}.ome.tif"} for well in wells]
    return PlatesSettings(table=str(write_csv(folder / "lab/sites.csv", rows)), **more)


def mistakes(settings: PlatesSettings, folder: Path) -> list[str]:
    return [mistake.replace(f"{folder}/", "") for mistake in read_plates(settings).mistakes]


def test_channels_of_a_column_of_whole_files_are_those_of_their_metadata(tmp_path: Path) -> None:
    settings = stacks(tmp_path, "A01", "A02")
    write_sites(settings, tmp_path / "sites.parquet")
    assert channels_of(tmp_path / "sites.parquet") == CHANNELS
    frame = pd.read_parquet(tmp_path / "sites.parquet")
    assert frame["file_er"].tolist() == ["A01.ome.tif", "A02.ome.tif"]
    assert frame["select_er"].tolist() == ["channel=er"] * 2
    ((image, function), _) = images_in(frame, "actin")
    assert (image.planes, image.selector) == ((tmp_path / "lab/A01.ome.tif",), Selector(channel="actin"))
    assert function is None


@pytest.mark.parametrize(
    ("names", "channels"),
    [((), ("1", "2", "3")), (("a", "a", "b"), ("1", "2", "3")), (("b", "A", "c"), ("b", "A", "c"))],
)
def test_channels_without_names_of_their_own_are_numbered(
    names: tuple[str, ...], channels: tuple[str, ...], tmp_path: Path
) -> None:
    write_ome_tiff(tmp_path / "lab/a.tif", STACK[:, 0], "CYX", names)
    write_ome_zarr(tmp_path / "lab/b", STACK[:, 0], "CYX", channels=names)
    for name in ("a.tif", "b"):
        table = write_csv(tmp_path / "lab/sites.csv", [{"well": "A1", "file": name}])
        found = read_plates(PlatesSettings(table=str(table)))
        assert found.channels == channels
        assert any("3 pages are taken as the channels 1, 2, 3" in note for note in found.notes) is (channels[0] == "1")


def test_files_of_other_channels_and_files_that_cannot_be_read_are_mistakes(tmp_path: Path) -> None:
    settings = stacks(tmp_path, "A01", "A02", "A03", "A04")
    write_ome_tiff(tmp_path / "lab/A02.ome.tif", STACK, "CZYX", ("dna", "er", "gfp"))
    (tmp_path / "lab/A03.ome.tif").write_bytes((tmp_path / "lab/A03.ome.tif").read_bytes()[:100])
    (tmp_path / "lab/A04.ome.tif").unlink()
    with Path(str(settings.table)).open("a") as table:
        table.write("A05,A01.ome.tif#channel=er\nA06,https://x.org/a.tif\nA07,\n")
    found = mistakes(settings, tmp_path)
    assert found[0].startswith(
        "row 4: file is 'A03.ome.tif', but lab/A03.ome.tif cannot be read, so that its channels are not known"
    )
    assert found[1:] == [
        "row 5: file is 'A04.ome.tif', but there is no file lab/A04.ome.tif",
        "row 6: file is 'A01.ome.tif#channel=er', but this column names files of all channels; leave out page and channel",
        "row 7: file is 'https://x.org/a.tif', an address; name its channels in columns file_<channel>, as a.tif#channel=...",
        "row 8: file is empty; every site needs a file for every channel",
        "row 3: lab/A02.ome.tif has the channels dna, er, gfp, but the file of row 2 has dna, er, actin; all files of the column "
        "file need the same: where two names mean the same, add --rename gfp=actin",
    ]


def test_planes_addresses_and_selectors_come_back_from_the_sites_table(tmp_path: Path) -> None:
    settings = lab(
        tmp_path,
        "well,file_dna,file_er\nA1,p1.tif|p2.tif#z=middle,https://x.org/1.tif#channel=ER & b&t=2\nA2,c.tif,d.tif#3\n",
    )
    write_sites(settings, tmp_path / "sites.parquet")
    frame = pd.read_parquet(tmp_path / "sites.parquet")
    (planes, plain), (remote, page) = ([image for image, _ in images_in(frame, channel)] for channel in ("dna", "er"))
    folder = tmp_path / "lab"
    assert (planes.planes, planes.selector) == ((folder / "p1.tif", folder / "p2.tif"), Selector(z=Projection.MIDDLE))
    assert (plain.planes, plain.selector) == ((folder / "c.tif",), Selector())
    assert remote.path == Address("https://x.org/1.tif")
    assert isinstance(remote.path, Address)
    assert remote.selector == Selector(channel="ER & b", time=2)
    assert page.selector == Selector(page=3)
    assert frame["page_er"].tolist()[1] == 3


def test_planes_that_two_images_share_are_a_mistake(tmp_path: Path) -> None:
    text = "well,file_dna\nA1,a.tif|b.tif#z=max\nA2,b.tif|c.tif\nA3,c.tif\n"
    assert mistakes(lab(tmp_path, text), tmp_path) == [
        "row 3: b.tif|c.tif, channel dna, is the image of row 2, channel dna already",
        "row 4: c.tif, channel dna, is the image of row 3, channel dna already",
    ]
    text = "well,file_dna,file_er\nA1,a.tif|b.tif#z=1,a.tif|b.tif#z=2\nA2,c.tif#channel=1,c.tif#channel=2\n"
    assert mistakes(lab(tmp_path, text), tmp_path) == []


def test_a_channel_that_is_left_out_needs_no_files_and_does_not_count(tmp_path: Path) -> None:
    settings = lab(tmp_path, "well,file_dna,file_7\nA1,a.tif,\nA2,b.tif,none.png\n")
    assert len(mistakes(settings, tmp_path)) == 2
    less = settings.changed(leave_out=[7])
    assert read_plates(less).channels == ("dna",)
    assert mistakes(less, tmp_path) == []
    before = states_of_stores(less)
    states_of_stores.cache_clear()
    (tmp_path / "lab/none.png").touch()
    assert states_of_stores(less) == before
    assert mistakes(settings.changed(leave_out=["er"]), tmp_path)[-1] == (
        "source.plates.leave_out names the channel er; the channels are dna, 7"
    )
    assert mistakes(settings.changed(leave_out=["7", "dna"]), tmp_path) == [
        "source.plates.leave_out names all channels (dna, 7); one at least must remain"
    ]
    folder = folder_of(tmp_path, "p/A1_w1.tif", "p/A1_w2.tif", "p/A2_w1.tif", leave_out=["2"])  # type: ignore[arg-type]
    assert read_plates(folder).channels == ("1",)
    assert read_plates(folder).mistakes == ()
    whole = stacks(tmp_path / "whole", "A01", leave_out=["er"])
    assert read_plates(whole).channels == ("dna", "actin")


def test_illumination_functions_are_noted_and_needed_only_where_they_are_applied(tmp_path: Path) -> None:
    text = "well,file_dna,file_er,illum_dna\nA1,a.tif,b.tif,dna.npy\nA2,c.tif,d.tif,\n"
    settings = lab(tmp_path, text)
    plates = read_plates(settings)
    assert plates.mistakes == ()
    assert list(plates.notes) == [
        "the illumination functions (illum_dna) are not applied; source.plates.illumination: true divides by them"
    ]
    write_sites(settings, tmp_path / "sites.parquet")
    assert "illum_dna" not in pd.read_parquet(tmp_path / "sites.parquet")
    applied = settings.changed(illumination=True)
    assert mistakes(applied, tmp_path) == [
        "row 3: illum_dna is empty; with source.plates.illumination each image of this channel needs a function",
        "row 2: there is no file lab/dna.npy (illumination of dna)",
    ]
    (tmp_path / "lab/dna.npy").touch()
    complete = lab(tmp_path, text.replace("d.tif,\n", "d.tif,dna.npy\n")).changed(illumination=True)
    assert list(read_plates(complete).notes) == [
        "no illumination function is named for er: its images stay as they are"
    ]
    write_sites(complete, tmp_path / "sites.parquet")
    frame = pd.read_parquet(tmp_path / "sites.parquet")
    assert [function for _, function in images_in(frame, "dna")] == [tmp_path / "lab/dna.npy"] * 2
    assert [function for _, function in images_in(frame, "er")] == [None, None]
    states_of_stores.cache_clear()
    before = states_of_stores(complete), states_of_stores(complete.changed(illumination=False))
    states_of_stores.cache_clear()
    (tmp_path / "lab/dna.npy").write_bytes(b"1")
    after = states_of_stores(complete), states_of_stores(complete.changed(illumination=False))
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]
    none = lab(tmp_path, "well,file_dna\nA1,a.tif\n").changed(illumination=True)
    assert mistakes(none, tmp_path) == [
        "source.plates.illumination is true, but no column illum_<channel> names illumination functions"
    ]
    other = lab(tmp_path, "well,file_dna,illum_er\nA1,a.tif,x.npy\n")
    assert mistakes(other, tmp_path) == [
        "row 1: illum_er names illumination functions of a channel that has no column file_er"
    ]
