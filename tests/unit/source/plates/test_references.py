"""The cell of a sites table that names an image: every part of its grammar, names that hold `#` or `|`, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gandl.config import Projection
from gandl.source.plates.references import Address, ImageFile, Selector, image_at, selector_of, state_of

LAB = Path("lab")
MAX, MIDDLE = Projection.MAX, Projection.MIDDLE


@pytest.mark.parametrize(
    ("cell", "paths", "selector"),
    [
        ("a.tif", ["a.tif"], Selector()),
        ("plate 1\\a.tif#3", ["plate 1/a.tif"], Selector(page=3)),
        ("a#1.tif", ["a#1.tif"], Selector()),
        ("a#b#12", ["a#b"], Selector(page=12)),
        ("A01.ome.tif#channel=ER&z=max", ["A01.ome.tif"], Selector(channel="ER", z=MAX)),
        ("A01.ome.tif#z=Middle&t=2&channel=2", ["A01.ome.tif"], Selector(channel="2", z=MIDDLE, time=2)),
        ("a.tif#channel=ER & RNA&z=3", ["a.tif"], Selector(channel="ER & RNA", z=3)),
        ("p1.tif|p2.tif | p3.tif", ["p1.tif", "p2.tif", "p3.tif"], Selector()),
        ("p1.tif|p2.tif#z=2", ["p1.tif", "p2.tif"], Selector(z=2)),
        ("plate.zarr/A/1/0#channel=DAPI", ["plate.zarr/A/1/0"], Selector(channel="DAPI")),
    ],
)
def test_a_cell_names_files_and_what_is_taken_of_them(cell: str, paths: list[str], selector: Selector) -> None:
    image = image_at(cell, LAB)
    assert isinstance(image, ImageFile)
    assert list(image.planes) == [LAB / path for path in paths]
    assert (image.given, image.selector) == (cell, selector)


def test_an_address_stays_as_it_is_written() -> None:
    image = image_at("https://x.org/a b/p1.tif?version=1#channel=DNA", LAB)
    assert isinstance(image, ImageFile)
    assert image.path == Address("https://x.org/a b/p1.tif?version=1")
    assert isinstance(image.path, Address)
    assert (image.path.name, image.selector.channel) == ("p1.tif", "DNA")
    planes = image_at("https://x.org/1.tif|https://x.org/2.tif", LAB)
    assert isinstance(planes, ImageFile)
    assert planes.planes == ("https://x.org/1.tif", "https://x.org/2.tif")


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("", "is empty; every site needs a file for every channel"),
        ("a.tif#0", "is 'a.tif#0'; pages count from 1"),
        ("a.tif#chanel=ER",
         "is 'a.tif#chanel=ER'; behind # there may be a page, or channel=..., z=..., t=..., each once, not 'chanel=ER'"),
        ("a.tif#z=1&z=2", "is 'a.tif#z=1&z=2'; behind # there may be a page, or channel=..., z=..., t=..., each once, not 'z=2'"),
        ("a.tif#channel=", "is 'a.tif#channel='; behind # there may be a page, or channel=..., z=..., t=..., each once, not "
         "'channel='"),
        ("a.tif#z=mean", "is 'a.tif#z=mean'; z is 'mean'; it may be max, middle, or the number of a plane, from 1"),
        ("a.tif#z=0", "is 'a.tif#z=0'; z is '0'; it may be max, middle, or the number of a plane, from 1"),
        ("a.tif#t=first", "is 'a.tif#t=first'; t is 'first'; it must be the number of a time point, from 1"),
        ("a.tif||b.tif", "is 'a.tif||b.tif', with an empty path beside |"),
        ("a.tif|a.tif", "is 'a.tif|a.tif', which names a file twice"),
        ("a.tif|b.tif#z=3", "is 'a.tif|b.tif#z=3', but names 2 planes"),
        ("a.tif|D:\\b.tif", "is 'a.tif|D:\\\\b.tif', a path of a Windows machine; write it relative to the folder of the table"),
        ("ftp://x.org/a.tif", "is 'ftp://x.org/a.tif'; an address must begin with https://, and other files must lie on this "
         "machine"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_refused_in_one_sentence(cell: str, sentence: str) -> None:
    assert image_at(cell, LAB) == sentence


@pytest.mark.parametrize(
    ("name", "cell", "selector"),
    [("well#3", "well#3", Selector()), ("a|b.tif", "a|b.tif", Selector()), ("a|b.tif", "a|b.tif#2", Selector(page=2)),
     ("a#z=top", "a#z=top", Selector()), ("a#1|b", "a#1|b#channel=x", Selector(channel="x"))],
)  # fmt: skip
def test_signs_of_the_grammar_in_the_name_of_a_file_that_exists_belong_to_it(
    name: str, cell: str, selector: Selector, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    image = image_at(cell, tmp_path)
    assert isinstance(image, ImageFile)
    assert (image.planes, image.selector) == ((tmp_path / name,), selector)


def test_a_cell_that_could_name_either_of_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "a#3", "b", "a|b"):
        (tmp_path / name).touch()
    assert image_at("a#3", tmp_path) == "is 'a#3', which may name a or a#3; rename one of these files"
    assert image_at("a|b", tmp_path) == "is 'a|b', which may name a, b or a|b; rename one of these files"


SELECTORS = st.builds(
    Selector,
    channel=st.none() | st.text("abcZ019 _-/", min_size=1).map(str.strip).filter(bool),
    z=st.none() | st.sampled_from(Projection) | st.integers(1, 99),
    time=st.none() | st.integers(1, 99),
).filter(lambda selector: selector != Selector())


@given(SELECTORS | st.builds(Selector, page=st.integers(1, 999)))
def test_the_text_of_a_selector_reads_as_the_same_selector(selector: Selector) -> None:
    assert selector_of(str(selector)) == selector


def test_the_state_of_an_image_follows_each_of_its_files_and_those_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "image.zarr/0/c").mkdir(parents=True)
    for name in ("p1", "p2", "image.zarr/zarr.json", "image.zarr/0/c/0"):
        (tmp_path / name).write_bytes(b"1")

    def states() -> list[str]:
        images = [
            image_at(cell, tmp_path) for cell in ("p1|p2", "image.zarr#channel=a", "https://x.org/a", "#?", "none")
        ]
        return [state_of(image, {}) for image in images]

    before = states()
    assert before[2:] == ["address", "absent", "absent"]
    (tmp_path / "p2").write_bytes(b"12")
    assert [old == new for old, new in zip(before, states(), strict=True)] == [False, True, True, True, True]
    (tmp_path / "image.zarr/0/c/1").write_bytes(b"")
    assert states()[1] != before[1]
    assert not re.search(r"/lab|tmp", "".join(before)), "the same files elsewhere have the same state"
