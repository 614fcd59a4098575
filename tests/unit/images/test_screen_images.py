"""Packing RxRx stores: every site has all of its PNGs, exactly as another decoder reads them; what is missing is reported."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gandl.config import Dataset, ImagesFrom, ImagesSettings
from gandl.images.area_mean import area_mean
from gandl.images.files.png import ImageError
from gandl.images.screens.members import ScreenImagesError, ScreenReader
from gandl.images.screens.rxrx import pack_screen
from gandl.images.store_reader import ImageStore
from gandl.source.members import Folder, open_members
from gandl.source.remote.member_source import MemberError
from gandl.source.screens.published import CHANNELS, member_keys
from gandl.tables import SITES, write_table
from gandl.workflow.files import sha256_of
from table_rows import site_row

SIZE = 64
WELLS = ("B02", "B03", "C02", "AA41")
URL = "https://host.org/RxRx19a/RxRx19a-images.zip"


def write_sites(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    write_table(pd.DataFrame(rows), path, SITES)
    return path


def pixels_of(key: str, size: int = SIZE) -> np.ndarray:
    """The image of one member: its name decides it."""
    return np.random.default_rng(list(key.encode())).integers(0, 60, (size, size), np.uint8)


def png(image: np.ndarray | Image.Image) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """A mirror with the unpacked images of one plate of RxRx19a, and a sites table that names it and another plate."""
    rows = [site_row("HRCE-1", 2, well, site) for well in WELLS for site in (1, 2)]
    others = [site_row("VERO-1", 1, well) for well in WELLS]
    write_sites(tmp_path / "sites.parquet", [*others[:2], *rows, *others[2:]])
    for row in rows:
        for key in member_keys(Dataset.RXRX19A, "HRCE-1", 2, str(row["well"]), int(str(row["site"]))):
            file = images(tmp_path) / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(pixels_of(key)))
    return tmp_path


def images(screen: Path) -> Path:
    return screen / "mirror" / "host.org" / "RxRx19a" / "images"


def pack(screen: Path, **changes: object) -> ImageStore:
    store = screen / "images" / "HRCE-1_2.zarr"
    settings = changes.get("settings", ImagesSettings(shard_sites=3))
    assert isinstance(settings, ImagesSettings)
    place = ImagesFrom(str(changes.pop("images_from", ImagesFrom.OBJECTS)))
    arguments: dict[str, object] = {
        "image_px": SIZE,
        "pixel_size_um": 0.65,
        "resolutions": (32,),
        "store": store,
        "index": store.with_suffix(".parquet"),
        "manifest": store.with_suffix(".manifest.json"),
        "settings": settings,
        "threads": 2,
    }
    with open_members(URL, mirror=screen / "mirror", images_from=place, directory=None, settings=settings) as members:
        pack_screen(
            Dataset.RXRX19A,
            screen / "sites.parquet",
            str(changes.pop("store_id", "HRCE-1_2")),
            members,
            **{**arguments, **changes},  # type: ignore[arg-type]
        )
    return ImageStore(store)


def test_store_holds_the_sites_of_its_plate_in_the_order_of_the_table(screen: Path) -> None:
    store = pack(screen)
    assert store.site_ids == [f"HRCE-1_2_{well}_{site}" for well in WELLS for site in (1, 2)]
    assert store.channels == list(CHANNELS[Dataset.RXRX19A])
    assert (store.height, store.width, store.resolutions, store.pixel_size_at(32)) == (SIZE, SIZE, [32], 1.3)
    for i, site_id in enumerate(store.site_ids):
        well, site = site_id.split("_")[2:]
        for channel in range(5):
            original = pixels_of(f"HRCE-1/Plate2/{well}_s{site}_w{channel + 1}.png")
            np.testing.assert_array_equal(store.sites([i])[0, channel], area_mean(original, 2))


def test_real_images_are_packed_as_pillow_reads_them(shared_data: Path, tmp_path: Path) -> None:
    sites = write_sites(tmp_path / "sites.parquet", [site_row("HEPG2-08", 1, "B02", store_id="HEPG2-08")])
    store = tmp_path / "HEPG2-08.zarr"
    with Folder(shared_data / "rxrx1" / "images") as members:
        pack_screen(
            Dataset.RXRX1,
            sites,
            "HEPG2-08",
            members,
            image_px=512,
            pixel_size_um=None,
            resolutions=(512, 256),
            store=store,
            index=store.with_suffix(".parquet"),
            manifest=store.with_suffix(".manifest.json"),
            settings=ImagesSettings(),
        )
    files = [shared_data / "rxrx1/images/HEPG2-08/Plate1" / f"B02_s1_w{channel}.png" for channel in range(1, 7)]
    wanted = np.stack([np.array(Image.open(file)) for file in files])
    packed = ImageStore(store)
    assert packed.channels == list(CHANNELS[Dataset.RXRX1])
    np.testing.assert_array_equal(packed.sites([0], 512)[0], wanted)
    np.testing.assert_array_equal(packed.sites([0], 256)[0], area_mean(wanted, 2))


def test_members_are_fetched_shard_by_shard_and_let_go() -> None:
    fetched: list[int] = []

    class Counting(Folder):
        def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
            fetched.append(len(names))
            return {name: png(pixels_of(name)) for name in names}

    keys = [member_keys(Dataset.RXRX19A, "VERO-1", 1, "B02", site) for site in range(1, 7)]
    reader = ScreenReader(Counting(Path()), keys, (SIZE, SIZE))
    reader.prefetch(range(3))
    reader.prefetch(range(3, 6))
    np.testing.assert_array_equal(reader.decode(4)[2], pixels_of(keys[4][2]))
    assert fetched == [15, 15]
    with pytest.raises(KeyError):  # each site is decoded once
        reader.decode(4)


def test_sites_without_images_are_counted_and_the_first_is_named(screen: Path) -> None:
    folder = images(screen) / "HRCE-1/Plate2"
    (folder / "C02_s2_w3.png").unlink()
    for file in folder.glob("AA41_s1_*"):
        file.unlink()
    with pytest.raises(ScreenImagesError) as error:
        pack(screen)
    assert str(error.value) == (
        f"HRCE-1_2: of 8 sites in {screen / 'sites.parquet'}, 1 without images and 1 with only some (missing: 6 files); "
        "the first is HRCE-1_2_C02_2, which has 4 of its 5 files: HRCE-1/Plate2/C02_s2_w3.png is missing; complete the images, "
        "or leave such sites out"
    )
    assert not (screen / "images").exists()


def test_store_without_sites_is_reported(screen: Path) -> None:
    with pytest.raises(ScreenImagesError, match=r"sites\.parquet has no site of the store HRCE-9_1"):
        pack(screen, store_id="HRCE-9_1")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-40], "is cut short"),
        (lambda data: png(pixels_of("x", 32)), r"is 32 x 32 px \(height x width\); it must be 64 x 64"),
        (lambda data: png(pixels_of("x").astype(np.uint16)), "has 16 bits per pixel; it must have 8"),
        (lambda data: png(Image.new("RGB", (SIZE, SIZE))), "has RGB pixels; it must be a grey image"),
        (lambda data: b"<html>gone</html>", "is not a PNG image"),
    ],
    ids=["cut", "size", "16 bit", "RGB", "page"],
)
def test_bad_image_is_named_and_loses_nothing_packed(screen: Path, damage: object, words: str) -> None:
    key = "HRCE-1/Plate2/C02_s1_w4.png"  # of the fifth site: in the second shard
    file = images(screen) / key
    good = file.read_bytes()
    file.write_bytes(damage(good))  # type: ignore[operator]
    with pytest.raises(ImageError, match=f"^{key} {words}"):
        pack(screen)
    partial = screen / "images/HRCE-1_2.zarr.partial"
    assert [shard.name for shard in (partial / "32" / "c").iterdir()] == ["0"]


def test_file_that_goes_while_packing_is_named(screen: Path) -> None:
    class Losing(Folder):
        def missing(self, names: Sequence[str]) -> list[str]:
            return []

        def signature(self, names: Sequence[str]) -> str:
            return "0" * 64

        def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
            return Folder(images(screen)).fetch(names)

    (images(screen) / "HRCE-1/Plate2/C02_s1_w4.png").unlink()
    store = screen / "HRCE-1_2.zarr"
    with pytest.raises(MemberError, match=r"C02_s1_w4\.png"):
        pack_screen(
            Dataset.RXRX19A,
            screen / "sites.parquet",
            "HRCE-1_2",
            Losing(Path()),
            image_px=SIZE,
            pixel_size_um=None,
            resolutions=(SIZE,),
            store=store,
            index=store.with_suffix(".parquet"),
            manifest=store.with_suffix(".manifest.json"),
            settings=ImagesSettings(shard_sites=3),
        )
    assert [shard.name for shard in (screen / "HRCE-1_2.zarr.partial/64/c").iterdir()] == ["0"]


def test_other_images_pack_their_shard_anew_and_the_same_ones_do_not(screen: Path) -> None:
    pack(screen)
    shard, manifest = screen / "images/HRCE-1_2.zarr/32/c/0/0/0/0", screen / "images/HRCE-1_2.manifest.json"
    before, reported = shard.stat().st_mtime_ns, json.loads(manifest.read_text())
    pack(screen)
    assert shard.stat().st_mtime_ns == before
    file = images(screen) / "HRCE-1/Plate2/B02_s1_w1.png"
    file.write_bytes(png(pixels_of("another")))
    others = {number: state for number, state in shards(screen / "images/HRCE-1_2.zarr").items() if number != "0"}
    packed = pack(screen)
    assert shard.stat().st_mtime_ns != before
    assert {number: state for number, state in shards(packed.path).items() if number != "0"} == others
    np.testing.assert_array_equal(packed.sites([0])[0, 0], area_mean(pixels_of("another"), 2))
    assert json.loads(manifest.read_text())["sources"] != reported["sources"]
    assert list(reported["sources"]) == ["RxRx19a/images"]


def shards(store: Path) -> dict[str, tuple[int, str]]:
    """Time of change and checksum of every shard that is there."""
    files = {path.parents[2].name: path for path in (store / "32/c").glob("*/0/0/0")}
    return {number: (file.stat().st_mtime_ns, sha256_of(file)) for number, file in sorted(files.items())}


@pytest.mark.parametrize("place", [ImagesFrom.OBJECTS, ImagesFrom.ARCHIVE])
def test_after_a_truncated_file_was_fixed_packing_resumes_after_the_last_whole_shard(
    screen: Path, place: ImagesFrom
) -> None:
    """Fixed as people do it: the file is written again, or the archive is, and with it every checksum and date."""

    def provide(data: bytes) -> None:
        file.write_bytes(data)
        with zipfile.ZipFile(images(screen).parent / "RxRx19a-images.zip", "w") as archive:
            for path in sorted(images(screen).rglob("*.png")):
                archive.write(path, f"RxRx19a/images/{path.relative_to(images(screen)).as_posix()}")

    file = images(screen) / "HRCE-1/Plate2/C02_s1_w4.png"  # of the fifth site: in the third shard of four
    good, settings = file.read_bytes(), ImagesSettings(shard_sites=2)
    provide(good[:-40])
    with pytest.raises(ImageError, match=r"^HRCE-1/Plate2/C02_s1_w4\.png is cut short"):
        pack(screen, settings=settings, images_from=place)
    kept = shards(screen / "images/HRCE-1_2.zarr.partial")
    assert list(kept) == ["0", "1"]
    provide(good)
    store = pack(screen, settings=settings, images_from=place)
    assert {number: state for number, state in shards(store.path).items() if number in kept} == kept
    assert len(shards(store.path)) == 4
    np.testing.assert_array_equal(store.sites([4])[0, 3], area_mean(pixels_of("HRCE-1/Plate2/C02_s1_w4.png"), 2))


def test_images_of_no_site_are_reported_and_left(screen: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        pack(screen)
    assert caplog.messages == []
    for name in ("D07_s1_w1.png", "D07_s1_w2.png"):
        (images(screen) / "HRCE-1/Plate2" / name).write_bytes(b"not even an image")
    with caplog.at_level("WARNING"):
        assert len(pack(screen)) == 8
    assert caplog.messages == [
        f"HRCE-1_2: 2 images beside those of its sites belong to no site in {screen / 'sites.parquet'}; "
        "they are not packed; the first is HRCE-1/Plate2/D07_s1_w1.png"
    ]
