"""Small synthetic plates for tests: BMP files, an archive like BBBC013's, and stores of a few tiny sites."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import zarr
from PIL import Image
from zarr.codecs import GzipCodec

from gandl.images.pack import Decoded, StorePlan, pack_store
from gandl.source.screens.bbbc013 import WELLS


def bmp(pixels: np.ndarray) -> bytes:
    """An 8-bit grey BMP."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def plate_pixels(channel: int, number: int, size: int = 640) -> np.ndarray:
    """The image of one well of the synthetic plate: every well, channel and orientation differs."""
    y, x = np.mgrid[:size, :size]
    return ((x // 4 + 3 * (y // 5) + 97 * channel + 7 * number) % 251).astype(np.uint8)


def plate_names() -> list[str]:
    return [
        f"plate/Channel{channel}-{number:02d}-{well[0]}-{well[1:]}.BMP"
        for channel in (1, 2)
        for number, well in enumerate(WELLS, 1)
    ]


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def plate_zip(path: Path) -> Path:
    """An archive of the synthetic plate: 192 images of 640 x 640 px."""
    numbers = [(channel, number) for channel in (1, 2) for number in range(1, 97)]
    return write_zip(path, zip(plate_names(), (bmp(plate_pixels(*key)) for key in numbers), strict=True))


def tiny_pixels(i: int, channels: int = 2, size: int | tuple[int, int] = 16, dtype: str = "uint8") -> np.ndarray:
    """Noise that depends on the number of the site alone, `size` px (a side, or height and width)."""
    height, width = (size, size) if isinstance(size, int) else size
    rng = np.random.default_rng(i)
    return rng.integers(0, np.iinfo(dtype).max, (channels, height, width), dtype=dtype, endpoint=True)


def tiny_plan(sites: int = 10, **changes: object) -> StorePlan:
    """A plan of tiny sites: two channels of 16 px, also stored at 8 px, three sites to a shard."""
    values: dict[str, object] = {
        "store_id": "TINY_1",
        "site_ids": tuple(f"TINY_1_A{i:02d}_1" for i in range(sites)),
        "well_ids": tuple(f"TINY_1_A{i:02d}" for i in range(sites)),
        "channels": ("red", "green"),
        "dtype": "uint8",
        "height": 16,
        "width": 16,
        "resolutions": (16, 8),
        "pixel_size_um": 0.65,
        "shard_sites": 3,
        "shard_mebibytes": 320,
        "compression_level": 1,
        "sources": {"tiny.zip": hashlib.sha256(b"tiny").hexdigest()},
    }
    return StorePlan(**{**values, **changes})  # type: ignore[arg-type]


def pack(plan: StorePlan, folder: Path, decode: Callable[[int], np.ndarray] = tiny_pixels) -> Path:
    """Pack what `decode` gives into `folder`; the path of the store."""
    store = folder / f"{plan.store_id}.zarr"
    pack_store(plan, Decoded(decode), store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    return store


def tiny_store(folder: Path, plan: StorePlan | None = None, **changes: object) -> Path:
    """Pack tiny sites into `folder`; the path of the store."""
    plan = plan or tiny_plan(**changes)  # type: ignore[arg-type]

    def decode(i: int) -> np.ndarray:
        return tiny_pixels(i, len(plan.channels), (plan.height, plan.width), plan.dtype)

    return pack(plan, folder, decode)


def pixel_store(
    folder: Path,
    name: str,
    pixels: np.ndarray,
    channels: tuple[str, ...],
    resolutions: tuple[int, ...],
    *,
    pixel_size_um: float | None = None,
    wells: Iterable[object] | None = None,
) -> Path:
    """Pack images (n, c, y, x) into `folder`; the path of the store. Sites, and wells unless given, are `<name>_<i>`."""
    sites = tuple(f"{name}_{i}" for i in range(len(pixels)))
    plan = tiny_plan(
        store_id=name,
        site_ids=sites,
        well_ids=sites if wells is None else tuple(f"{name}_{well}" for well in wells),
        channels=channels,
        dtype=str(pixels.dtype),
        height=pixels.shape[2],
        width=pixels.shape[3],
        resolutions=resolutions,
        pixel_size_um=pixel_size_um,
        shard_sites=4,
        shard_mebibytes=1,
        sources={},
    )
    return pack(plan, folder, pixels.__getitem__)


def outcome(store: Path) -> dict[str, bytes]:
    """Every byte that a packing made: store, index, manifest."""
    files = [file for file in store.parent.rglob("*") if file.is_file()]
    return {file.relative_to(store.parent).as_posix(): file.read_bytes() for file in files}


def rewrite_with_zarr(store: Path) -> Path:
    """Write the images of a store again, as other tools do: in single chunks of several sites, compressed otherwise."""
    group = zarr.open_group(store, mode="r+")
    for name in [str(size) for size in group.attrs["resolutions"]]:  # type: ignore[union-attr]
        pixels = np.asarray(group[name][...])  # type: ignore[index]
        array = group.create_array(
            name, data=pixels, chunks=(4, *pixels.shape[1:]), compressors=GzipCodec(level=1), overwrite=True
        )
        assert array.shards is None
    return store
