"""The image store against PNG files: packing, whole sites, training crops, and ten times the plates. Prints medians and ratios.

Everything is measured in turn, several times over, on synthetic sites whose PNGs are like those of RxRx19a (`store_inputs.py`).
`python -m benchmarks.speed.store` prints; `--write` also appends to `benchmarks/results/store.csv`. Where zarrs is installed, it
is compared as well. Readers use one thread, as a loader process does (zarr-python and zarrs use what they like); packing and the
bare decoding that it is compared with use one per core. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from benchmarks.measuring import CORES, RESULTS, Measurement, append, machine, versions
from benchmarks.speed.store_inputs import SIDE, Inputs, make_inputs, site_plan
from gandl.images.area_mean import area_mean
from gandl.images.files.png import decode_png
from gandl.images.pack import pack_store

SITES, RUNS, READS, CROP = 64, 7, 16, 256
PLATES, PLATE_RUNS = 10, 3
SIZE = (SIDE, SIDE)


@dataclass
class Cached(Measurement):
    """A measurement with files that the system remembers (`warm`), or has to read (`cold`)."""

    cache: str = "warm"


class Readers:
    """Every way to read that is compared: takes the number of a site and a corner, gives its pixels."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.zip = zipfile.ZipFile(inputs.archive)
        self.arrays = {"zarr-python": self._arrays()}
        if importlib.util.find_spec("zarrs"):
            with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
                self.arrays["zarrs"] = self._arrays()

    def _arrays(self) -> dict[int, zarr.Array]:
        stores = (self.inputs.full, self.inputs.half)
        return {s.resolutions[0]: zarr.open_array(s.path / str(s.resolutions[0]), mode="r") for s in stores}

    def folder(self, i: int, corner: int = 0) -> np.ndarray:
        return np.stack([decode_png(file.read_bytes(), file.name, SIZE, "uint8") for file in self.inputs.files[i]])

    def from_zip(self, i: int, corner: int = 0) -> np.ndarray:
        names = (file.name for file in self.inputs.files[i])
        return np.stack([decode_png(self.zip.read(name), name, SIZE, "uint8") for name in names])

    def halved(self, i: int, corner: int = 0) -> np.ndarray:
        return area_mean(self.folder(i), 2)[:, corner : corner + CROP, corner : corner + CROP].copy()

    def cropped(self, i: int, corner: int = 0) -> np.ndarray:
        return self.folder(i)[:, corner : corner + CROP, corner : corner + CROP].copy()

    def site(self, i: int, corner: int = 0) -> np.ndarray:
        return self.inputs.full.sites([i])[0]

    def crop_of_half(self, i: int, corner: int = 0) -> np.ndarray:
        return self.inputs.half.crop(i, corner, corner, CROP)

    def crop_of_full(self, i: int, corner: int = 0) -> np.ndarray:
        return self.inputs.full.crop(i, corner, corner, CROP)

    def by(self, library: str, resolution: int, whole: bool) -> Callable[[int, int], np.ndarray]:
        """The same through zarr-python or zarrs."""
        array = self.arrays[library][resolution]

        def read(i: int, corner: int) -> np.ndarray:
            window = slice(None) if whole else slice(corner, corner + CROP)
            return np.asarray(array[i, :, window, window])

        return read

    def of(self, cache: str) -> dict[str, tuple[Callable[[int, int], np.ndarray], str]]:
        """What is measured, and against what."""
        folder, halved, cropped = "site: 5 PNGs from the folder", "crop: 5 PNGs, halved, cut", "crop: 5 PNGs, cut"
        ways: dict[str, tuple[Callable[[int, int], np.ndarray], str]] = {
            folder: (self.folder, ""),
            "site: 5 PNGs from the zip": (self.from_zip, folder),
            "site: store of 1024 px": (self.site, folder),
            halved: (self.halved, ""),
            "crop: store of 512 px": (self.crop_of_half, halved),
            cropped: (self.cropped, ""),
            "crop: store of 1024 px": (self.crop_of_full, cropped),
        }
        for library in self.arrays if cache == "warm" else ():
            ways[f"site: store of 1024 px by {library}"] = (self.by(library, SIDE, True), folder)
            ways[f"crop: store of 512 px by {library}"] = (self.by(library, SIDE // 2, False), halved)
        return ways


def measure_reading(inputs: Inputs, cache: str) -> list[Cached]:
    """Random sites and corners, the same for every way of a run; cold: what was read before is dropped from memory."""
    ways = Readers(inputs).of(cache)
    found = {what: Cached(what, against, cache=cache) for what, (_, against) in ways.items()}
    rng = np.random.default_rng(0)
    for _ in range(RUNS):
        places = np.column_stack(
            [rng.choice(SITES, READS, replace=False), rng.integers(0, SIDE // 2 - CROP + 1, READS)]
        )
        for what, (read, _) in ways.items():
            if cache == "cold":
                forget(inputs)
            started = time.perf_counter()
            for i, corner in places.tolist():
                read(i, corner)
            found[what].seconds.append((time.perf_counter() - started) / READS)
    return list(found.values())


def forget(inputs: Inputs) -> None:
    """Ask the system to drop the files from its memory."""
    stores = (file for store in (inputs.full, inputs.half) for file in store.path.rglob("0") if file.is_file())
    for file in (*(file for of_site in inputs.files for file in of_site), inputs.archive, *stores):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def forgets(inputs: Inputs) -> bool:
    """Whether the system does so: then reading comes from the disk, which it counts."""
    forget(inputs)
    before = read_from_disk()
    size = sum(len(file.read_bytes()) for file in inputs.files[0])
    return read_from_disk() - before >= size // 2


def read_from_disk() -> int:
    """Bytes that this process has had read from a disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


class FolderReader:
    """Packs from the folder of PNGs: fetches the files of a shard, then decodes them, as packing a screen does."""

    def __init__(self, files: Sequence[Sequence[Path]]) -> None:
        self.files = files
        self.data: dict[Path, bytes] = {}

    def prefetch(self, block: range) -> None:
        self.data.update({file: file.read_bytes() for i in block for file in self.files[i]})

    def decode(self, i: int) -> np.ndarray:
        return np.stack([decode_png(self.data.pop(file), file.name, SIZE, "uint8") for file in self.files[i]])


def pack_plates(files: Sequence[Sequence[Path]], folder: Path, resolutions: tuple[int, ...], plates: int = 1) -> None:
    """Pack the same files as so many plates."""
    for number in range(plates):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            store = Path(place) / f"plate_{number}.zarr"
            paths = (store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
            plan = site_plan(store.stem, len(files), resolutions)
            pack_store(plan, FolderReader(files), *paths, threads=CORES)


def measure_packing(inputs: Inputs, folder: Path) -> list[Cached]:
    """Per site: bare decoding with one thread per core, and packing with as many; the files are warm."""
    bare = Cached("packing: bare decoding of its PNGs")
    packed = {(512,): "packing: to 512 px", (1024, 512): "packing: to 1024 and 512 px"}
    found = {sizes: Cached(what, bare.what) for sizes, what in packed.items()}

    def decode(file: Path) -> None:
        decode_png(file.read_bytes(), file.name, SIZE, "uint8")

    for _ in range(PLATE_RUNS):
        started = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(decode, [file for of_site in inputs.files for file in of_site]))
        bare.seconds.append((time.perf_counter() - started) / SITES)
        for sizes, measurement in found.items():
            started = time.perf_counter()
            pack_plates(inputs.files, folder, sizes)
            measurement.seconds.append((time.perf_counter() - started) / SITES)
    return [bare, *found.values()]


def measure_plates(folder: Path) -> tuple[list[Cached], dict[str, float]]:
    """One plate and ten of them, each in a process of its own: time and processor time per plate, and peak memory (MiB)."""
    found: dict[tuple[int, str], Cached] = {}
    for kind in ("time", "processor time"):
        one = f"plates: 1, {kind} of a plate"
        found[1, kind] = Cached(one)
        found[PLATES, kind] = Cached(f"plates: {PLATES}, {kind} of a plate", one)
    peaks: dict[str, list[float]] = {found[n, "time"].what: [] for n in (1, PLATES)}
    for _ in range(PLATE_RUNS):
        for n in (1, PLATES):
            command = [sys.executable, "-m", "benchmarks.speed.store", "--pack-plates", str(n), "--folder", str(folder)]
            wall, processor, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            found[n, "time"].seconds.append(float(wall) / n)
            found[n, "processor time"].seconds.append(float(processor) / n)
            peaks[found[n, "time"].what].append(float(peak))
    return list(found.values()), {name: statistics.median(values) for name, values in peaks.items()}


def pack_plates_and_tell(folder: Path, plates: int) -> None:
    """In a process of its own: a plate to warm up, then `plates` of them; prints seconds, of the processor too, and peak MiB."""
    names = sorted((folder / "png").glob("*.png"))
    files = [names[start : start + 5] for start in range(0, len(names), 5)]
    pack_plates(files, folder, (512,))
    started = time.perf_counter(), time.process_time()
    pack_plates(files, folder, (512,), plates)
    wall, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    print(wall, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def table(measurements: Sequence[Cached], peaks: dict[str, float], png_bytes: float) -> list[dict[str, object]]:
    """One row per measurement. Ratio: times as fast as `against`."""
    medians = {(m.what, m.cache): m.median for m in measurements}
    libraries = ("zarr", "imagecodecs", "numpy", *(["zarrs"] if importlib.util.find_spec("zarrs") else []))
    common = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(*libraries),
        "png_kilobytes": round(png_bytes / 1000),
    }
    return [
        {
            **common,
            "what": m.what,
            "cache": m.cache,
            "runs": len(m.seconds),
            "median_ms": round(1000 * m.median, 2),
            "against": m.against,
            "times_as_fast": round(medians[m.against, m.cache] / m.median, 2) if m.against else "",
            "peak_mebibytes": round(peaks[m.what]) if m.what in peaks else "",
        }
        for m in measurements
    ]


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="append to results/store.csv")
    parser.add_argument(
        "--folder", type=Path, help="where to work (default: a temporary folder); its disk is what cold reads meet"
    )
    parser.add_argument("--pack-plates", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pack_plates:
        pack_plates_and_tell(options.folder, options.pack_plates)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        inputs = make_inputs(Path(place), SITES)
        measurements = measure_reading(inputs, "warm")
        if forgets(inputs):
            measurements += measure_reading(inputs, "cold")
        else:
            print("cold reads are not reported: this system does not drop files from its memory on request")
        measurements += measure_packing(inputs, Path(place))
        plates, peaks = measure_plates(Path(place))
        rows = table([*measurements, *plates], peaks, inputs.png_bytes)
    for row in rows:
        ratio = f"{row['times_as_fast']} times as fast as {row['against']}" if row["against"] else ""
        memory = f"{row['peak_mebibytes']} MiB at most" if row["peak_mebibytes"] else ""
        print(f"{row['what']:44}{row['cache']:6}{row['median_ms']:>9} ms   {ratio}{memory and '   ' + memory}")
    if options.write:
        append(rows, RESULTS / "store.csv")


if __name__ == "__main__":
    main()
