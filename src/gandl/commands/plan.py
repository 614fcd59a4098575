"""What a run will move and make: takes a configuration, prints bytes to download, size of stores and GPU hours, in plain words.

Before metadata and the directory of an archive are there, numbers are published totals or estimates, marked `~`, each with its
basis; afterwards they are exact. Nothing is downloaded to find out.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.config import Config, Dataset, FeaturizerName, ImagesFrom
from gandl.source.catalogue import downloads_of, file_of
from gandl.source.remote.datasets import Download
from gandl.source.remote.origin import FOLDER, kind_of
from gandl.source.screens.published import CHANNELS, PUBLISHED, member_keys
from gandl.source.stores import stores_of_run

RESULTS = Path("results")
DATASETS = Path("resources/datasets.csv")
TRAINING_BENCHMARKS = Path("benchmarks/results/training.csv")
DIRECTORY_ENTRY = 130
"""Bytes of one member in a central directory, about: 46, its name, and the fields of ZIP64."""
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class Amount:
    """A number of bytes or things; `exact` or with the `basis` of its estimate."""

    value: float
    exact: bool
    basis: str = ""

    def in_bytes(self) -> str:
        return self._with_basis(size_in_words(self.value))

    def counted(self, what: str) -> str:
        return self._with_basis(f"{self.value:,.0f} {what}")

    def _with_basis(self, text: str) -> str:
        return text if self.exact else f"~{text}" + (f" ({self.basis})" if self.basis else "")


def size_in_words(value: float) -> str:
    """Bytes with a decimal unit."""
    for factor, unit in UNITS:
        if value >= factor:
            return f"{value / factor:,.3g} {unit}" if value / factor < 1000 else f"{value / factor:,.0f} {unit}"
    return f"{value:.0f} bytes"


def plan_lines(config: Config, mirror: str | None, results: Path = RESULTS) -> list[str]:
    """The plan of a run.

    Parameters
    ----------
    config : of the run. mirror : folder or base URL in place of the official hosts; None: those.
    results : the folder of all runs.
    """
    names = " and ".join(dataset.value for dataset in config.source.datasets)
    kind = ", simulated: no image is downloaded" if config.simulated else ""
    lines = [f"Run {config.run}: {names}{kind}"]
    for dataset in config.source.datasets:
        stores = stores_of_run(config.source, dataset)
        sites = _sites(config, dataset, results)
        number = "the number of sites is known once its metadata are here" if sites is None else sites.counted("sites")
        lines.append(f"{dataset}: {len(stores)} store{'s' if len(stores) > 1 else ''}, {number}")
        if not config.simulated:
            lines += [f"  download   {line}" for line in _downloads(config, dataset, mirror, results)]
        lines += [f"  images     {line}" for line in _images(config, dataset, mirror, results)]
        lines.append(f"  disk       {_disk(config, dataset, stores, results)}")
    lines.append("all")
    lines += [f"  download   {line}" for line in _weights(config, mirror, results)]
    lines += _training(config, results)
    lines.append(f"  features   {', '.join(name.value for name in config.embeddings.featurizers)}")
    return lines


def _folder(config: Config, results: Path) -> Path:
    return results / config.run


def _downloads_folder(config: Config, results: Path) -> Path:
    return _folder(config, results) / "downloads" if config.simulated else results / "downloads"


def _sites_table(config: Config, dataset: Dataset, results: Path) -> Path:
    return _folder(config, results) / "source" / dataset.value / "sites.parquet"


def _sites(config: Config, dataset: Dataset, results: Path) -> Amount | None:
    """Number of sites: counted in the sites table, else from what the screen was published with; None if neither is known."""
    if dataset is Dataset.BBBC013:  # never from an older table: mistakes of the plate map are reported here
        assert config.source.bbbc013 is not None
        from gandl.source.screens.bbbc013 import read_platemap

        return Amount(len(read_platemap(Path(config.source.bbbc013.platemap))), exact=True)
    table = _sites_table(config, dataset, results)
    if table.is_file():
        import pyarrow.parquet as pq

        return Amount(pq.read_metadata(table).num_rows, exact=True)
    if dataset is Dataset.PLATES:
        assert config.source.plates is not None
        from gandl.source.plates.sites import count_sites

        return Amount(count_sites(config.source.plates), exact=True)
    if config.source.simulation is not None:
        from gandl.source.simulator.layout import sites_of_simulation

        return Amount(sites_of_simulation(config.source.simulation, dataset), exact=True)
    if dataset not in PUBLISHED:
        return None
    published = PUBLISHED[dataset]
    stores, plates = len(stores_of_run(config.source, dataset)), published.plates
    share = stores / (plates if dataset is Dataset.RXRX19A else len(published.plates_of))
    basis = f"{published.sites:,} published" + (f", {stores} of its stores" if share < 1 else "")
    section = config.source.rxrx19a
    if dataset is Dataset.RXRX19A and section is not None and section.wells != "all":
        return Amount(published.sites * share, exact=False, basis=f"{basis}; the pilot's choice of wells takes fewer")
    return Amount(published.sites * share, exact=False, basis=basis)


def _needed(config: Config, dataset: Dataset) -> list[Download]:
    """Files that are downloaded whole."""
    if dataset is Dataset.PLATES:
        return []
    wanted = {"images"} if dataset is Dataset.BBBC013 else {"metadata"}
    if dataset in PUBLISHED and FeaturizerName.RELEASED in config.embeddings.featurizers:
        wanted.add("embeddings")
    return [entry for entry in downloads_of(dataset.value, DATASETS) if entry.file in wanted]


def _downloads(config: Config, dataset: Dataset, mirror: str | None, results: Path) -> Iterator[str]:
    for entry in _needed(config, dataset):
        yield from _download(config, entry, mirror, results)


def _download(config: Config, entry: Download, mirror: str | None, results: Path) -> Iterator[str]:
    present = _downloads_folder(config, results) / entry.path
    if present.exists():
        yield f"none: {present} is here ({size_in_words(present.stat().st_size)})"
    else:
        yield f"{entry.url} ({_published_size(entry)}) from {_source(mirror, entry)}"


def _weights(config: Config, mirror: str | None, results: Path) -> Iterator[str]:
    """ImageNet weights that are downloaded, by simulated runs too; those of other networks come with a package."""
    wanted = [network.value for network in config.imagenet_networks]
    for entry in downloads_of("imagenet", DATASETS):
        if entry.file in wanted:
            yield from _download(config, entry, mirror, results)


def _published_size(entry: Download) -> str:
    if entry.bytes:
        return size_in_words(entry.bytes)
    published = {dataset.value: numbers for dataset, numbers in PUBLISHED.items()}.get(entry.dataset)
    rounded = getattr(published, f"{entry.file}_bytes", None)
    return f"~{size_in_words(rounded)}, as published" if rounded else "size not published"


def _source(mirror: str | None, entry: Download) -> str:
    """Where a file will be taken from, in words; a folder that lacks it is already reported here."""
    if not mirror:
        return "its official host"
    if kind_of(mirror) == FOLDER and not (Path(mirror) / entry.path).is_file():
        return f"the mirror {mirror}, which does not hold it: {Path(mirror) / entry.path} is not there"
    return f"the mirror {mirror}"


def _images(config: Config, dataset: Dataset, mirror: str | None, results: Path) -> Iterator[str]:
    """What is moved to fill the stores of a screen whose images are read member by member, or object by object."""
    if dataset not in PUBLISHED or config.simulated:
        return
    section = getattr(config.source, dataset.value)
    archive = file_of(dataset.value, "images", DATASETS)
    whole = section.images_from == ImagesFrom.ARCHIVE
    if mirror and kind_of(mirror) == FOLDER:
        place = Path(mirror) / (archive.path if whole else archive.path.parent / "images")
        lacks = "" if place.exists() else f", which does not hold them: {place} is not there"
        yield f"read from the mirror {mirror}{lacks or ': nothing is downloaded'}"
        return
    how = "byte ranges of" if whole else "single objects beside"
    moved = _moved(config, dataset, results)
    yield f"{moved.in_bytes()} by {how} {archive.url} from {_source(mirror, archive)}{_gaps(config, moved)}"
    directory = _downloads_folder(config, results) / f"{archive.path}.members.parquet"
    if whole and not directory.is_file():
        size = Amount(
            DIRECTORY_ENTRY * PUBLISHED[dataset].images,
            exact=False,
            basis=f"{PUBLISHED[dataset].images:,} members of about {DIRECTORY_ENTRY} bytes",
        )
        yield f"{size.in_bytes()} before that: its central directory, once"


def _gaps(config: Config, moved: Amount) -> str:
    """What comes with the members, where these are counted exactly."""
    if not moved.exact or not config.images.gap_kibibytes:
        return ""
    from gandl.source.zip.members import GAP_SHARE

    return f", and at most {GAP_SHARE:.0%} more where gaps between them save requests"


def _moved(config: Config, dataset: Dataset, results: Path) -> Amount:
    published, channels = PUBLISHED[dataset], len(CHANNELS[dataset])
    archive = file_of(dataset.value, "images", DATASETS)
    directory = _downloads_folder(config, results) / f"{archive.path}.members.parquet"
    table = _sites_table(config, dataset, results)
    section = getattr(config.source, dataset.value)
    if section.images_from == ImagesFrom.ARCHIVE and directory.is_file() and table.is_file():
        import pandas as pd

        from gandl.source.zip.members import planned_bytes

        sites = pd.read_parquet(table, columns=["experiment", "plate", "well", "site"])
        keys = [key for row in sites.itertuples(index=False) for key in member_keys(dataset, *row)]
        return Amount(planned_bytes(directory, keys), exact=True)
    if section.images_from == ImagesFrom.ARCHIVE and table.is_file():
        left = "; exact once the central directory is here"
    else:
        left = "" if table.is_file() else "; closer once the metadata is here"
    sites_there = _sites(config, dataset, results)
    assert sites_there is not None
    mean = size_in_words(published.png_bytes)
    return Amount(
        sites_there.value * channels * published.png_bytes,
        exact=False,
        basis=f"{sites_there.value:,.0f} sites of {channels} PNGs of {mean}, the mean of the published "
        f"{size_in_words(published.images_bytes)}{left}",
    )


def _disk(config: Config, dataset: Dataset, stores: Sequence[str], results: Path) -> str:
    """Size of the stores: of those that are packed, exactly; of all, before compression."""
    folder = _folder(config, results) / "images" / dataset.value
    packed = [folder / f"{store}.manifest.json" for store in stores]
    there = [json.loads(path.read_text(encoding="utf-8"))["bytes"] for path in packed if path.is_file()]
    if len(there) == len(stores):
        return f"image stores: {size_in_words(sum(there))}, packed"
    sites, raw = _sites(config, dataset, results), _raw_bytes(config, dataset)
    part = f"; {len(there)} of {len(stores)} are packed ({size_in_words(sum(there))})" if there else ""
    if raw is None or sites is None:
        return f"image stores: size known once they are packed{part}"
    size = Amount(sites.value * raw, sites.exact, "from the number of sites")
    return f"image stores: at most {size.in_bytes()}, before compression{part}"


def _raw_bytes(config: Config, dataset: Dataset) -> int | None:
    """Bytes of one site at all stored resolutions, where they are known beforehand."""
    if dataset is Dataset.PLATES:
        return _raw_bytes_of_plates(config)
    pixels = sum(size**2 for size in config.images.resolutions[dataset])
    if dataset is Dataset.BBBC013:
        from gandl.images.screens.bbbc013 import BYTES_PER_PIXEL, CHANNELS as PLATE_CHANNELS

        return pixels * len(PLATE_CHANNELS) * BYTES_PER_PIXEL
    return pixels * len(CHANNELS[dataset]) if dataset in CHANNELS else None


def _raw_bytes_of_plates(config: Config) -> int | None:
    """The same for a lab's own plates, whose images are all of one kind: that of the first one."""
    assert config.source.plates is not None
    from gandl.images.files.kinds import ImageFileError, Reading
    from gandl.images.plate_headers import info_of
    from gandl.images.store_reader import factor_of
    from gandl.source.plates.sites import read_plates

    plates = read_plates(config.source.plates)
    first = next((image for site in plates.sites for image in site.images.values()), None)
    if first is None:
        return None
    try:
        reading = Reading.of(config.source.plates)
        kind = info_of(first, reading, {})
    except ImageFileError:  # at an address; or reported with all others by `gandl check`, and before anything is packed
        return None
    factors = [factor_of(kind.height, kind.width, size) for size in config.images.resolutions[Dataset.PLATES]]
    pixels = sum((kind.height // factor) * (kind.width // factor) for factor in factors)
    return pixels * len(plates.channels) * int(reading.stored_type(kind.dtype).removeprefix("uint")) // 8


def _training(config: Config, results: Path) -> Iterator[str]:
    settings = config.training
    weights = _folder(config, results) / f"models/gandl/seed_{settings.seed}/weights.safetensors"
    there = f" ({weights} is here; it is made again only if the list below names it)" if weights.exists() else ""
    yield (
        f"  training   gandl: {settings.images:,} images of {settings.network.crop} px, batch {settings.batch}, "
        f"seed {settings.seed}; a checkpoint every {settings.checkpoint_images:,} images{there}"
    )
    yield from _counterparts(config)
    if config.compute.gpus:
        yield f"  GPU hours  of gandl {gpu_hours(config)}"
        if shutil.which("nvidia-smi") is None:
            yield "  GPU        no GPU found on this machine: run the job on one that has a GPU (or set compute.gpus: 0)"


def _counterparts(config: Config) -> Iterator[str]:
    """The trainings of the counterparts."""
    trained = {
        FeaturizerName.DENSENET161_ARCFACE: config.counterparts.baseline,
        FeaturizerName.CONV_AE: config.counterparts.conv_ae,
        FeaturizerName.IMAGENET_COLLAPSED: config.counterparts.collapsed,
    }
    for name, recipe in trained.items():
        if name in config.embeddings.featurizers:
            each = " for every question and fold" if name is FeaturizerName.IMAGENET_COLLAPSED else ""
            yield f"  training   {name.value}: {recipe.images:,} images{each}, batch {recipe.batch}, seed {recipe.seed}"


def gpu_hours(config: Config, benchmarks: Path = TRAINING_BENCHMARKS) -> str:
    """GPU hours of the training, from the speed that was measured for a network of its shape; else that it was not measured.

    `benchmarks` has the columns device, what, crop, channel_base, batch, precision, compiled, images_per_second.
    """
    settings = config.training
    shape = settings.network.crop, settings.network.channel_base, settings.batch
    wanted = [str(value) for value in (*shape, settings.engine.precision.value, settings.engine.compile)]
    if benchmarks.is_file():
        with benchmarks.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                measured = [row.get(key) for key in ("crop", "channel_base", "batch", "precision", "compiled")]
                if measured == wanted and row["what"].startswith("gandl") and row["device"].startswith("NVIDIA"):
                    hours = settings.images / float(row["images_per_second"]) / 3600
                    return f"~{hours:,.0f} ({row['images_per_second']} images/s, measured on {row['device']})"
    return "not measured for a network of this shape"
