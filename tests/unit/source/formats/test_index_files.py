"""Index files of Harmony and CellVoyager: what they state, in both schemas, and what is said of a cut or foreign one."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from gandl.source.formats import cellvoyager, harmony
from gandl.source.formats.microscopes import read_microscope
from gandl.source.plates.stores import PlatesError
from microscope_files import (
    HARMONY_5,
    HARMONY_6,
    HARMONY_7,
    YOKOGAWA,
    Shot,
    cellvoyager as voyager_name,
    harmony as harmony_name,
    harmony_index,
    touch,
    write_cellvoyager,
)

STAINS = {1: "HOECHST 33342", 2: "Alexa 647 & co"}
SHOTS = [Shot(r, c, s, ch, p) for r, c, s, ch, p in product((1, 16), (1, 24), (1, 10), (1, 2), (1, 2, 3))]


def write_phenix(
    folder: Path, *, namespace: str = HARMONY_5, name: str = "Images/Index.idx.xml", bom: bool = True
) -> Path:
    """A plate of Harmony with its index among the images."""
    touch(folder, (f"Images/{harmony_name(shot)}" for shot in SHOTS))
    text = harmony_index(SHOTS, STAINS, namespace=namespace)
    (folder / name).write_text(text, encoding="utf-8-sig" if bom else "utf-8")
    return folder


@pytest.mark.parametrize("namespace", [HARMONY_5, HARMONY_6, HARMONY_7])
@pytest.mark.parametrize("name", ["Images/Index.idx.xml", "Images/Index.xml", "index.xml"])
def test_index_of_harmony_gives_plate_channels_pixel_size_and_planes(namespace: str, name: str, tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen", namespace=namespace, name=name)
    found = read_microscope(folder)
    assert found.mistakes == ()
    assert found.channels == tuple(STAINS.values())
    assert found.pixel_size_um == pytest.approx(0.296688132474701)
    assert {site.key for site in found.sites} == {("screen", "BR00117035")}
    assert [(site.well, site.site) for site in found.sites] == list(product(("A01", "A24", "P01", "P24"), (1, 10)))
    stack = "|".join(f"Images/{harmony_name(Shot(16, 24, 10, 2, plane))}" for plane in (1, 2, 3))
    assert found.sites[-1].images["Alexa 647 & co"].given == stack
    assert (
        found.notes[0]
        == f"{name} is read as the index of Operetta or Opera Phenix (Harmony, Columbus): plate BR00117035, 48 images"
    )
    assert found.notes[1].endswith("3 planes from 2 to 6 um")
    assert found.notes[2] == f"{folder}: pixels of 0.2967 um are stated"


def test_index_and_names_of_files_agree(tmp_path: Path) -> None:
    """Where both say it: the same sites with the same files; only the names of plate and channels differ."""
    folder = write_phenix(tmp_path / "screen")
    by_index = read_microscope(folder)
    (folder / "Images/Index.idx.xml").unlink()
    by_name = read_microscope(folder)
    assert by_name.channels == ("1", "2")
    for index, name in zip(by_index.sites, by_name.sites, strict=True):
        assert (index.well, index.site) == (name.well, name.site)
        assert [index.images[stain].given for stain in STAINS.values()] == [name.images[c].given for c in ("1", "2")]


def test_a_folder_of_images_and_its_parent_give_the_same(tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen")
    inside = read_microscope(folder / "Images")
    assert {site.key for site in inside.sites} == {("screen", "BR00117035")}
    assert inside.sites[0].images[STAINS[1]].path.parent == folder / "Images"


def test_another_microscope_by_name_passes_the_index_over(tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen")
    with pytest.raises(PlatesError, match="as imagexpress writes it"):
        read_microscope(folder, "imagexpress")
    assert read_microscope(folder, "operetta") == read_microscope(folder, "opera-phenix") == read_microscope(folder)


def test_missing_files_of_an_index_are_counted(tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen")
    for shot in SHOTS:
        if (shot.row, shot.column) == (16, 24):
            (folder / "Images" / harmony_name(shot)).unlink()
    found = read_microscope(folder)
    assert found.mistakes == ()
    assert len(found.sites) == 6
    assert found.notes[1] == (
        f"warning: Images/Index.idx.xml names 12 missing images of 2 sites, the first is "
        f"{harmony_name(Shot(16, 24, 1, 1, 1))}; these sites are left out"
    )
    (folder / "Images" / harmony_name(SHOTS[0])).unlink()
    assert read_microscope(folder).mistakes == (
        "Images/Index.idx.xml names 1 missing image, though others of their sites are there; the first is "
        f"{harmony_name(SHOTS[0])}",
    )


def test_images_that_no_index_names_are_a_warning(tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen")
    touch(folder, [f"Images/{harmony_name(Shot(5, 5, 1, 1))}"])
    assert read_microscope(folder).notes[-2] == (
        f"warning: no index names 1 image file below {folder} beside images that are used, for example "
        f"Images/{harmony_name(Shot(5, 5, 1, 1))}; such files are left out"
    )


def test_two_indexes_are_two_plates_unless_they_name_one(tmp_path: Path) -> None:
    for number, plate in (("1", "P1"), ("2", "P2")):
        folder = write_phenix(tmp_path / "screen" / number)
        index = folder / "Images/Index.idx.xml"
        index.write_text(index.read_text(encoding="utf-8-sig").replace("BR00117035", plate))
    found = read_microscope(tmp_path / "screen")
    assert [site.key.plate for site in found.sites] == ["P1"] * 8 + ["P2"] * 8
    index.write_text(index.read_text().replace("P2", "P1"))
    with pytest.raises(
        PlatesError, match=r"1/Images/Index.idx.xml and 2/Images/Index.idx.xml both index plate P1; check"
    ):
        read_microscope(tmp_path / "screen")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_cut_index_is_one_sentence_with_its_line(share: float, tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen", bom=False)
    index = folder / "Images/Index.idx.xml"
    data = index.read_bytes()
    cut = data[: int(share * len(data))]
    index.write_bytes(cut)
    line = cut.count(b"\n") + 1
    with pytest.raises(
        PlatesError,
        match=rf"Index.idx.xml, line {line}, column \d+: cut short or malformed XML \([^\n]+\); copy it again",
    ):
        read_microscope(folder)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1, column 1: cut short or malformed XML"),
        ("<a><b></a>", "line 1, column 9: cut short or malformed XML"),
        (
            "<Settings><Images><Image/></Images></Settings>",
            "image 1 .without a file. lacks Row, Col, FieldID, ChannelID, URL",
        ),
        ("<Settings><Plate/></Settings>", "is no index of Harmony: its root is Settings, not EvaluationInputData"),
        ("<EvaluationInputData><Images/></EvaluationInputData>", "names no images"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "other.xml">]><x>&e;</x>', "declares a document type"),
        (
            "<EvaluationInputData><Images><Image><URL>a.tif</URL><Row>1</Row><Col>x</Col><FieldID>1</FieldID>"
            "<ChannelID>1</ChannelID></Image></Images></EvaluationInputData>",
            "image 1 .a.tif. lacks Col, or it is no whole number",
        ),
        (
            '<EvaluationInputData><Images><Image><URL BufferNo="2">a.tif</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID>'
            "<ChannelID>1</ChannelID></Image></Images></EvaluationInputData>",
            "image 1 is one of several in the file a.tif, which are not read by their index",
        ),
    ],
)
def test_a_foreign_index_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = touch(tmp_path, ["Index.idx.xml"]) / "Index.idx.xml"
    path.write_text(text)
    with pytest.raises(PlatesError, match=sentence) as error:
        harmony.read_index(path)
    assert "\n" not in str(error.value)


def test_a_well_that_no_plate_has_is_a_mistake(tmp_path: Path) -> None:
    shots = [Shot(1, 1, 1, 1), Shot(1, 60, 1, 1)]
    folder = touch(tmp_path, (harmony_name(shot) for shot in shots))
    (folder / "Index.idx.xml").write_text(harmony_index(shots, {1: "DAPI"}))
    assert read_microscope(folder).mistakes == (
        f"Index.idx.xml: {harmony_name(shots[1])} is in row 1, column 60, which no plate has",
    )


def test_channels_that_share_a_name_keep_their_number(tmp_path: Path) -> None:
    shots = [Shot(1, 1, 1, ch) for ch in (1, 2, 3)]
    folder = touch(tmp_path, (harmony_name(shot) for shot in shots))
    (folder / "Index.idx.xml").write_text(harmony_index(shots, {1: "Brightfield", 2: "DAPI", 3: "Brightfield"}))
    assert read_microscope(folder).channels == ("Brightfield 1", "DAPI", "Brightfield 3")


def test_two_pixel_sizes_are_reported_and_none_is_taken(tmp_path: Path) -> None:
    for number, pixel in (("1", 3e-7), ("2", 6e-7)):
        folder = touch(tmp_path / number, [harmony_name(Shot(1, 1, 1, 1))])
        (folder / "Index.idx.xml").write_text(
            harmony_index([Shot(1, 1, 1, 1)], {1: "DAPI"}, pixel_m=pixel, plate=number)
        )
    found = read_microscope(tmp_path)
    assert found.pixel_size_um is None
    assert (
        found.notes[-1]
        == f"{tmp_path}: sides of pixels between 0.3 and 0.6 um are stated; no pixel size is taken from it"
    )


# --- Yokogawa ---


def write_voyager(folder: Path) -> Path:
    touch(folder, (voyager_name(shot) for shot in SHOTS))
    return write_cellvoyager(folder, SHOTS, STAINS_OF_VOYAGER)


STAINS_OF_VOYAGER = {1: "DNA", 2: "BF"}


def test_index_of_cellvoyager_gives_plate_channels_pixel_size_and_planes(tmp_path: Path) -> None:
    found = read_microscope(write_voyager(tmp_path / "screen"))
    assert found.mistakes == ()
    assert found.channels == ("DNA", "BF")
    assert found.pixel_size_um == 0.325
    assert {site.key for site in found.sites} == {("screen", "PL1")}
    assert [(site.well, site.site) for site in found.sites] == list(product(("A01", "A24", "P01", "P24"), (1, 10)))
    stack = "|".join(voyager_name(Shot(1, 1, 1, 2, plane)) for plane in (1, 2, 3))
    assert found.sites[0].images["BF"].given == stack
    assert found.notes[1].endswith("has records that are no images: 1 of type ERR")


def test_cellvoyager_without_its_other_files_numbers_the_channels(tmp_path: Path) -> None:
    folder = write_voyager(tmp_path / "screen")
    (folder / "S.mes").unlink()
    assert read_microscope(folder).channels == ("1", "2")
    (folder / "MeasurementDetail.mrf").unlink()
    found = read_microscope(folder)
    assert (found.channels, found.pixel_size_um, found.sites[0].key.plate) == (("1", "2"), None, "1")
    assert f"{folder}/MeasurementDetail.mrf is missing" in found.notes[1]


def test_images_may_lie_in_another_folder_or_have_another_extension(tmp_path: Path) -> None:
    """Harmony 7 may put its index above the images; some copies of CellVoyager plates are compressed to PNG."""
    names = [voyager_name(shot) for shot in SHOTS]
    folder = touch(tmp_path / "png", (name.replace(".tif", ".png") for name in names))
    found = read_microscope(write_cellvoyager(folder, SHOTS, STAINS_OF_VOYAGER))
    assert found.mistakes == ()
    assert found.sites[0].images["DNA"].given.endswith("Z03C01.png")
    moved = write_phenix(tmp_path / "moved", name="Index.idx.xml")
    assert read_microscope(moved).mistakes == ()
    (moved / "Images" / harmony_name(SHOTS[0])).unlink()
    touch(
        moved, [f"Images/{harmony_name(SHOTS[0])[:-5]}.png"]
    )  # an image of another kind in another folder is not taken
    assert "names 1 missing image" in read_microscope(moved).mistakes[0]


def test_projections_of_cellvoyager_are_no_planes(tmp_path: Path) -> None:
    folder = write_voyager(tmp_path / "screen")
    name = "PL1_A01_MIP_C01.tif"
    touch(folder, [name])
    record = (
        f'<bts:MeasurementRecord bts:Type="IMG" bts:Column="1" bts:Row="1" bts:TimePoint="1" bts:FieldIndex="1" bts:ZIndex="1" '
        f'bts:ZImageProcessing="MIP" bts:Ch="1">{name}</bts:MeasurementRecord></bts:MeasurementData>'
    )
    index = folder / "MeasurementData.mlf"
    index.write_text(index.read_text(encoding="utf-8-sig").replace("</bts:MeasurementData>", record))
    found = read_microscope(folder)
    assert found.mistakes == ()
    assert name not in found.sites[0].images["DNA"].given
    assert any(f"for example {name}; they are taken as projections" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f'<bts:MeasurementData xmlns:bts="{YOKOGAWA}"><bts:MeasurementRecord ',
            r"line 1, column 78: .* \(unclosed token\)",
        ),
        (f'<bts:MeasurementData xmlns:bts="{YOKOGAWA}"/>', "names no images"),
        ("<Other><MeasurementRecord/></Other>", "is no index of a CellVoyager: its root is Other, not MeasurementData"),
        (
            f'<b:MeasurementData xmlns:b="{YOKOGAWA}"><b:MeasurementRecord b:Type="IMG" b:Row="1"/></b:MeasurementData>',
            "image 1 .without a file. lacks Column, FieldIndex, Ch, file, or it is no whole number",
        ),
    ],
)
def test_a_foreign_index_of_cellvoyager_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "MeasurementData.mlf"
    path.write_text(text)
    with pytest.raises(PlatesError, match=sentence):
        cellvoyager.read_index(path)


def test_an_index_whose_wells_no_plate_has_is_one_sentence_for_each_image(tmp_path: Path) -> None:
    folder = write_phenix(tmp_path / "screen", bom=False)
    index = folder / "Images/Index.idx.xml"
    text = index.read_text()
    index.write_text(re.sub(r"<Row>\d+</Row>", "<Row>99</Row>", text))
    with pytest.raises(PlatesError) as error:
        read_microscope(folder)
    lines = str(error.value).splitlines()
    assert len(lines) == text.count("<URL>")
    assert all(line.endswith("which no plate has") for line in lines)
