"""Plates whose images are stacks, folders of OME-Zarr, floats or at addresses: the store holds what independent readers read."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gandl.config import ImagesSettings, PlatesSettings
from gandl.images.files.kinds import Reading
from gandl.images.screens.plates import PlateImagesError, pack_plates
from gandl.images.store_reader import ImageStore
from gandl.source.plates.sites import write_sites
from gandl.source.remote.retries import Retries
from local_server import Fault, FileServer, serving
from plate_files import write_csv
from stack_files import CHANNELS, noise, write_ome_tiff, write_ome_zarr

WELLS = ("A01", "A02", "B01", "B02")
STACKS = {well: noise(3, 2, 65, 97, seed=i) for i, well in enumerate(WELLS)}
"""Channel, plane, y, x."""
QUICK = Retries(sleep=lambda _: None, jitter=random.Random(0))
"""Nothing really waits."""


def packed(
    folder: Path,
    rows: Sequence[dict[str, object]],
    *,
    mirror: str | None = None,
    messages: list[str] | None = None,
    shard_sites: int = 2,
    pixel_size_um: float | None = None,
    **settings: object,
) -> ImageStore:
    """The one store of a table with these rows."""
    plates = PlatesSettings(table=str(write_csv(folder / "lab/sites.csv", rows)), **settings)
    sites, store = folder / "sites.parquet", folder / "lab_1.zarr"
    write_sites(plates, sites)
    pack_plates(
        sites,
        "lab_1",
        resolutions=[65],
        pixel_size_um=pixel_size_um,
        store=store,
        index=store.with_suffix(".parquet"),
        manifest=store.with_suffix(".manifest.json"),
        settings=ImagesSettings(shard_sites=shard_sites, connections=2),
        reading=Reading.of(plates),
        mirror=mirror,
        report=(messages if messages is not None else []).append,
    )
    return ImageStore(store)


def manifest(folder: Path) -> dict:
    return json.loads((folder / "lab_1.manifest.json").read_text())


@pytest.mark.parametrize("kind", ["ome.tif", "0.4", "0.5"])
def test_one_file_per_site_with_all_channels_becomes_the_maximum_over_its_planes(kind: str, tmp_path: Path) -> None:
    for well, stack in STACKS.items():
        if kind == "ome.tif":
            write_ome_tiff(tmp_path / f"lab/{well}", stack, "CZYX", pixel_size_um=0.65)
        else:
            write_ome_zarr(tmp_path / f"lab/{well}", stack, "CZYX", kind, pixel_size_um=0.65)
    rows = [{"well": well, "file": well} for well in WELLS]
    store = packed(tmp_path, rows, z="max")
    assert store.channels == list(CHANNELS)
    assert store.pixel_size_um == pytest.approx(0.65)
    np.testing.assert_array_equal(store.sites(slice(None)), np.stack([stack.max(axis=1) for stack in STACKS.values()]))
    assert manifest(tmp_path)["processing"] == {"z": "max", "z_planes": 2}
    with pytest.raises(
        PlateImagesError, match=r"rows 2 to 5: .* has 2 z planes; say what is taken of them: .* source\.plates\.z"
    ):
        packed(tmp_path, rows)


def test_planes_in_several_files_are_projected_and_only_those_needed_are_read(tmp_path: Path) -> None:
    rows = []
    for well, stack in STACKS.items():
        names = [f"{well}_p{plane + 1}.tif" for plane in range(2)]
        for name, plane in zip(names, stack[0], strict=True):
            (tmp_path / "lab").mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / "lab" / name, plane)
        rows.append({"well": well, "file_dna": "|".join(names)})
    np.testing.assert_array_equal(
        packed(tmp_path, rows, z="max").sites(slice(None))[:, 0],
        np.stack([stack[0].max(axis=0) for stack in STACKS.values()]),
    )
    (tmp_path / "lab/A01_p1.tif").write_bytes(b"II*\x00")
    second = packed(tmp_path, rows, z=2)
    np.testing.assert_array_equal(second.sites(slice(None))[:, 0], np.stack([stack[0, 1] for stack in STACKS.values()]))
    assert manifest(tmp_path)["processing"] == {"z": "2", "z_planes": 1}
    tifffile.imwrite(tmp_path / "lab/A01_p1.tif", STACKS["A01"][0])
    with pytest.raises(
        PlateImagesError, match=r"A01_p1\.tif is one of several z planes of an image, but has 2 z planes"
    ):
        packed(tmp_path, rows, z="max")


def test_cells_of_a_row_may_select_differently_and_a_channel_may_be_left_out(tmp_path: Path) -> None:
    for well, stack in STACKS.items():
        write_ome_tiff(tmp_path / f"lab/{well}.tif", stack, "CZYX")
    rows = [
        {
            "well": well,
            "file_a": f"{well}.tif#channel=er&z=2",
            "file_b": f"{well}.tif#channel=1&z=max",
            "file_c": "none.tif",
        }
        for well in WELLS
    ]
    store = packed(tmp_path, rows, leave_out=["c"])
    assert store.channels == ["a", "b"]
    expected = [np.stack([stack[1, 1], stack[0].max(axis=0)]) for stack in STACKS.values()]
    np.testing.assert_array_equal(store.sites(slice(None)), np.stack(expected))
    assert manifest(tmp_path)["processing"] == {"z": "by cell", "z_planes": 2}


def test_a_file_of_an_ome_zarr_image_that_changed_packs_its_own_shard_again(tmp_path: Path) -> None:
    for well, stack in STACKS.items():
        write_ome_zarr(tmp_path / f"lab/{well}", stack[:, 0], "CYX")
    rows = [{"well": well, "file": well} for well in WELLS]
    messages: list[str] = []
    packed(tmp_path, rows)
    write_ome_zarr(tmp_path / "lab/B01", 7 + STACKS["B01"][:, 0], "CYX")
    store = packed(tmp_path, rows, messages=messages)
    assert messages == ["lab_1: 1 of 2 shards are there already", "lab_1: shard 2 of 2 packed (4 of 4 sites)"]
    np.testing.assert_array_equal(store.sites([2])[0], 7 + STACKS["B01"][:, 0])


def test_floats_from_0_to_1_are_stored_by_the_scale_which_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    floats = {well: (stack[0, 0] / 4096).astype(np.float32) for well, stack in STACKS.items()}
    for well, image in floats.items():
        tifffile.imwrite(tmp_path / f"lab/{well}.tif", image)
    rows = [{"well": well, "file_dna": f"{well}.tif"} for well in WELLS]
    store = packed(tmp_path, rows, scale=65535)
    expected = np.rint(np.stack(list(floats.values())).astype(np.float64) * 65535).astype(np.uint16)
    np.testing.assert_array_equal(store.sites(slice(None))[:, 0], expected)
    assert manifest(tmp_path)["processing"] == {"scale": 65535.0}
    with pytest.raises(
        PlateImagesError, match=r"sites\.csv, row 2: .*A01\.tif holds fractional values .*source\.plates\.scale: 65535"
    ):
        packed(tmp_path, rows)


def test_illumination_functions_divide_where_it_is_requested_and_are_part_of_the_state(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "lab").mkdir()
    for well, stack in STACKS.items():
        for channel, image in zip(("dna", "er"), stack[:, 0], strict=False):
            tifffile.imwrite(tmp_path / f"lab/{well}_{channel}.tif", 10 * image)
    function = rng.uniform(0.5, 2, (65, 97))
    np.save(tmp_path / "lab/illum.npy", function)
    rows = [
        {"well": well, "file_dna": f"{well}_dna.tif", "file_er": f"{well}_er.tif", "illum_dna": "illum.npy"}
        for well in WELLS
    ]
    plain = packed(tmp_path, rows).sites(slice(None))
    messages: list[str] = []
    divided = packed(tmp_path, rows, illumination=True, messages=messages).sites(slice(None))
    rounded = np.rint(plain[:, 0] / function)
    np.testing.assert_array_equal(divided[:, 0], np.minimum(rounded, 65535))
    np.testing.assert_array_equal(divided[:, 1], plain[:, 1])
    assert messages[-1].startswith(
        f"lab_1: {(rounded > 65535).sum():,} pixels of channel dna are set to the largest value"
    )
    assert manifest(tmp_path)["processing"] == {"illumination": "divided"}
    np.save(tmp_path / "lab/illum.npy", function + 1)
    again = packed(tmp_path, rows, illumination=True).sites(slice(None))
    np.testing.assert_array_equal(again[:, 0], np.rint(plain[:, 0] / (function + 1)))
    np.save(tmp_path / "lab/illum.npy", function[:64])
    with pytest.raises(PlateImagesError) as error:
        packed(tmp_path, rows, illumination=True)
    assert "illumination functions of " in str(error.value)
    assert "row 2: " in str(error.value)
    assert "is an illumination function of 64 x 97 float64 values; images are 65 x 97 px" in str(error.value)


def test_files_that_state_different_pixel_sizes_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    for size, (well, stack) in zip((0.5, 0.5, 0.6, 0.5), STACKS.items(), strict=True):
        write_ome_tiff(tmp_path / f"lab/{well}.tif", stack[0, 0], "YX", ("dna",), pixel_size_um=size)
    rows = [{"well": well, "file_dna": f"{well}.tif"} for well in WELLS]
    with pytest.raises(
        PlateImagesError, match=r"different sizes of a pixel: 0\.5 um in .*A01\.tif \(row 2\), 0\.6 um in .*B01"
    ):
        packed(tmp_path, rows)
    assert packed(tmp_path, rows, pixel_size_um=0.55).pixel_size_um == 0.55


# --- images at addresses ---


@pytest.fixture
def server(tmp_path: Path) -> FileServer:
    """A server with one OME-TIFF of three channels and two planes per well, and an illumination function."""
    files: dict[str, bytes | Path] = {
        f"/plate one/{well}.ome.tif": write_ome_tiff(tmp_path / f"served/{well}.ome.tif", stack, "CZYX").read_bytes()
        for well, stack in STACKS.items()
    }
    np.save(tmp_path / "served/illum.npy", np.full((65, 97), 2.0))
    files["/illum.npy"] = (tmp_path / "served/illum.npy").read_bytes()
    return FileServer(files=files)


def remote_rows(base: str) -> list[dict[str, object]]:
    return [
        {
            "well": well,
            "file_dna": f"{base}/plate%20one/{well}.ome.tif#channel=dna",
            "file_actin": f"{base}/plate%20one/{well}.ome.tif#channel=actin",
            "illum_actin": f"{base}/illum.npy",
        }
        for well in WELLS
    ]


EXPECTED = np.stack([stack[[0, 2]].max(axis=1) for stack in STACKS.values()])


def test_images_at_addresses_are_fetched_block_by_block_once_each(server: FileServer, tmp_path: Path) -> None:
    with serving(server):
        store = packed(tmp_path, remote_rows(server.base), z="max")
        np.testing.assert_array_equal(store.sites(slice(None)), EXPECTED)
        paths = [request.path for request in server.requests]
        # the first image of the plate shows the kind of all; each file then comes once for both its channels
        assert paths[0].endswith("A01.ome.tif")
        assert sorted(paths[1:]) == sorted(f"/plate one/{well}.ome.tif" for well in WELLS)
        server.forget()
        packed(tmp_path, remote_rows(server.base), z="max")
        assert len(server.requests) == 1, "a finished store is kept"


def test_a_faulty_server_is_tried_again_and_functions_are_fetched_too(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gandl.source.remote.addresses.Retries", lambda: QUICK)
    server.faults.extend([Fault(status=503), Fault(), Fault(cut=100), Fault(status=500)])
    with serving(server):
        store = packed(tmp_path, remote_rows(server.base), z="max", illumination=True)
    np.testing.assert_array_equal(store.sites(slice(None))[:, 0], EXPECTED[:, 0])
    np.testing.assert_array_equal(store.sites(slice(None))[:, 1], np.rint(EXPECTED[:, 1] / 2))
    assert sum(request.path == "/illum.npy" for request in server.requests) == 1


def test_an_absent_or_damaged_file_at_an_address_is_reported_with_its_row(server: FileServer, tmp_path: Path) -> None:
    with serving(server):
        whole = server.files.pop("/plate one/B01.ome.tif")
        with pytest.raises(PlateImagesError) as error:
            packed(tmp_path, remote_rows(server.base), z="max")
        assert str(error.value) == (
            f"{tmp_path}/lab/sites.csv, row 4: {server.base}/plate%20one/B01.ome.tif cannot be downloaded: the server answered "
            "404 Not Found; check the address, or name a mirror"
        )
        assert isinstance(whole, bytes)
        server.files["/plate one/B01.ome.tif"] = whole[: len(whole) // 2]
        with pytest.raises(PlateImagesError, match=r"row 4: .*B01\.ome\.tif "):
            packed(tmp_path, remote_rows(server.base), z="max")
        smaller = write_ome_tiff(tmp_path / "smaller.tif", STACKS["B01"][..., 1:], "CZYX").read_bytes()
        server.files["/plate one/B01.ome.tif"] = smaller
        with pytest.raises(
            PlateImagesError, match=r"row 4: .*B01\.ome\.tif is 65 x 96 px .*, the others are 65 x 97 px of 16 bit"
        ):
            packed(tmp_path, remote_rows(server.base), z="max")
        server.files["/plate one/B01.ome.tif"] = whole
        np.testing.assert_array_equal(packed(tmp_path, remote_rows(server.base), z="max").sites(slice(None)), EXPECTED)


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_mirror_stands_for_every_address(kind: str, server: FileServer, tmp_path: Path) -> None:
    official = "https://images.example.org/screen"
    for path, data in dict(server.files).items():
        assert isinstance(data, bytes)
        file = tmp_path / f"mirror/images.example.org/screen{path}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        server.files[f"/copies/images.example.org/screen{path}"] = data
    with serving(server):
        mirror = str(tmp_path / "mirror") if kind == "folder" else f"{server.base}/copies"
        store = packed(tmp_path, remote_rows(official), z="max", mirror=mirror)
    np.testing.assert_array_equal(store.sites(slice(None)), EXPECTED)
    (tmp_path / "mirror/images.example.org/screen/plate one/A02.ome.tif").unlink()
    if kind == "folder":
        with pytest.raises(
            PlateImagesError, match=r"row 3: the mirror has no copy of https://images\.example\.org/screen/plate%20one"
        ):
            packed(tmp_path, remote_rows(official), z=1, mirror=mirror)
