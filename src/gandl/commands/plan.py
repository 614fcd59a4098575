"""What a run, or one target of it, will move and make: takes a configuration and the jobs of the target, prints bytes to
download, sizes of stores and tables, GPU hours, jobs and what they request of a cluster, in plain words.

Before metadata and the directory of an archive are there, numbers are published totals or estimates, marked `~`, each with its
basis; afterwards they are exact. Nothing is downloaded to find out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.commands.planning.jobs import Job, Needs
from gandl.commands.planning.requests import job_lines
from gandl.commands.planning.sizes import size_in_words
from gandl.commands.planning.storage import models_of, raw_bytes, table_lines, tables_of, total_lines
from gandl.commands.planning.work import gpu_lines, training_lines
from gandl.config import Config, Dataset, FeaturizerName, ImagesFrom
from gandl.source.catalogue import downloads_of, images_of
from gandl.source.remote.datasets import Download
from gandl.source.remote.origin import FOLDER, kind_of
from gandl.source.screens.published import CHANNELS, PUBLISHED, member_keys
from gandl.source.stores import stores_of_run

RESULTS = Path("results")
DATASETS = Path("resources/datasets.csv")
DIRECTORY_ENTRY = 130
"""Bytes of one member in a central directory, about: 46, its name, and the fields of ZIP64."""


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


def plan_lines(
    config: Config,
    mirror: str | None,
    results: Path = RESULTS,
    jobs: Sequence[Job] | None = None,
    target: str = "",
    *,
    elsewhere: bool = False,
) -> list[str]:
    """The plan of a run, or of one target.

    Parameters
    ----------
    config : of the run. mirror : folder or base URL in place of the official hosts; None: those.
    results : the folder of all runs.
    jobs : that are still to be done; None: they are not known, and everything that the configuration names is reported.
    target : what was requested of the run; "": everything.
    elsewhere : jobs would be submitted to other machines, by a profile: what they request is reported, too.
    """
    needs = None if jobs is None else Needs.of(jobs)
    wanted = needs if target else None  # of everything also what is there already is reported
    if wanted is not None:
        config = _of_target(config, wanted)
    screens = [dataset for dataset in config.source.datasets if wanted is None or dataset in wanted.screens]
    names = " and ".join(dataset.value for dataset in screens) or "no images"
    kind = ", simulated: no image is downloaded" if config.simulated else ""
    lines = [f"Run {config.run}{f', {target}' if target else ''}: {names}{kind}"]
    counts: dict[str, float] = {}
    kept = {"image stores": 0.0, "downloads": 0.0}
    for dataset in screens:
        stores = stores_of_run(config.source, dataset)
        sites = _sites(config, dataset, results)
        counts[dataset.value] = 0.0 if sites is None else sites.value
        number = "the number of sites is known once its metadata are here" if sites is None else sites.counted("sites")
        lines.append(f"{dataset}: {len(stores)} store{'s' if len(stores) > 1 else ''}, {number}")
        if not config.simulated:
            lines += [f"  download   {line}" for line in _downloads(config, dataset, mirror, results, wanted)]
            kept["downloads"] += sum(_bytes_of(config, entry, results) for entry in _fetched(config, dataset, wanted))
        if wanted is None or dataset.value in wanted.stores:
            lines += [f"  images     {line}" for line in _images(config, dataset, mirror, results)]
            size, text = _disk(config, dataset, stores, results)
            kept["image stores"] += size
            lines.append(f"  disk       {text}")
    lines.append("all")
    lines += [f"  download   {line}" for line in _weights(config, mirror, results, wanted)]
    lines += training_lines(config, results, None if wanted is None else wanted.trainings)
    on_gpu = config.compute.gpus > 0 and any("GPU hours" in line for line in lines)
    if on_gpu and not elsewhere and shutil.which("nvidia-smi") is None:
        lines.append(
            "  GPU        no GPU found on this machine: run the job on one that has a GPU (or set compute.gpus: 0)"
        )
    if features := [*(config.embeddings.featurizers if wanted is None else wanted.featurizers)]:
        lines.append(f"  features   {', '.join(features)}")
    if needs is not None and jobs is not None:
        tables = tables_of(config, needs, counts)
        lines += table_lines(tables, needs)
        if FeaturizerName.GANDL in needs.trainings:
            kept["models"], words = models_of(config)
            lines += words
        lines += total_lines({**kept, "embeddings": tables.embedded, "profiles": tables.profiles})
        lines += gpu_lines(config, jobs, [_sites_table(config, one, results).parent for one in config.source.datasets])
        lines += job_lines(jobs, requested=elsewhere)
    return lines


def _of_target(config: Config, needs: Needs) -> Config:
    """The configuration with the stores alone that a target packs, where it does not need all of a screen."""
    source = config.source
    for dataset in source.datasets:
        section, packed = getattr(source, dataset.value), needs.stores.get(dataset.value, ())
        if hasattr(section, "stores") and packed and not config.simulated:
            source = source.model_copy(update={dataset.value: section.model_copy(update={"stores": list(packed)})})
    return config.model_copy(update={"source": source})


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
        import pandas as pd

        of_stores = pd.read_parquet(table, columns=["store_id"])["store_id"]
        return Amount(int(of_stores.isin(stores_of_run(config.source, dataset)).sum()), exact=True)
    if dataset is Dataset.PLATES:
        assert config.source.plates is not None
        from gandl.source.plates.sites import count_sites

        return Amount(count_sites(config.source.plates), exact=True)
    if dataset is Dataset.CLASS_FOLDERS:
        assert config.source.class_folders is not None
        from gandl.source.class_folders.names import labelled_images

        return Amount(len(labelled_images(config.source.class_folders)), exact=True)
    if config.source.simulation is not None:
        from gandl.source.simulator.layout import sites_of_simulation

        return Amount(sites_of_simulation(config.source.simulation, dataset), exact=True)
    if dataset not in PUBLISHED:
        return None
    published = PUBLISHED[dataset]
    stores, plates = len(stores_of_run(config.source, dataset)), published.plates
    share = stores / (len(published.plates_of) if dataset is Dataset.RXRX1 else plates)
    basis = f"{published.sites:,} published" + (f", {stores} of its stores" if share < 1 else "")
    section = config.source.rxrx19a
    if dataset is Dataset.RXRX19A and section is not None and section.wells != "all":
        return Amount(published.sites * share, exact=False, basis=f"{basis}; the pilot's choice of wells takes fewer")
    return Amount(published.sites * share, exact=False, basis=basis)


def _needed(config: Config, dataset: Dataset) -> list[Download]:
    """Files that are downloaded whole."""
    if dataset in (Dataset.PLATES, Dataset.CLASS_FOLDERS):
        return []
    wanted = {"images"} if dataset is Dataset.BBBC013 else {"metadata"}
    if config.source.bbbc021 is not None and dataset is Dataset.BBBC021:
        wanted |= {"mechanisms", "compounds"} if config.source.bbbc021.smiles else {"mechanisms"}
    if dataset in PUBLISHED and FeaturizerName.RELEASED in config.embeddings.featurizers:
        wanted.add("embeddings")
    return [entry for entry in downloads_of(dataset.value, DATASETS) if entry.file in wanted]


def _downloads(
    config: Config, dataset: Dataset, mirror: str | None, results: Path, wanted: Needs | None
) -> Iterator[str]:
    for entry in _fetched(config, dataset, wanted):
        yield from _download(config, entry, mirror, results)


def _fetched(config: Config, dataset: Dataset, wanted: Needs | None) -> list[Download]:
    return [entry for entry in _needed(config, dataset) if wanted is None or _is_fetched(entry, wanted)]


def _is_fetched(entry: Download, wanted: Needs) -> bool:
    return any(path.endswith(str(entry.path)) for path in wanted.downloads)


def _download(config: Config, entry: Download, mirror: str | None, results: Path) -> Iterator[str]:
    present = _downloads_folder(config, results) / entry.path
    if present.exists():
        yield f"none: {present} is here ({size_in_words(present.stat().st_size)})"
    else:
        yield f"{entry.url} ({_published_size(entry)}) from {_source(mirror, entry)}"


def _weights(config: Config, mirror: str | None, results: Path, wanted: Needs | None) -> Iterator[str]:
    """ImageNet weights that are downloaded, by simulated runs too; those of other networks come with a package."""
    networks = [network.value for network in config.imagenet_networks]
    for entry in downloads_of("imagenet", DATASETS):
        if entry.file in networks and (wanted is None or _is_fetched(entry, wanted)):
            yield from _download(config, entry, mirror, results)


def _published_size(entry: Download) -> str:
    if entry.bytes:
        return size_in_words(entry.bytes)
    rounded = _rounded(entry)
    return f"~{size_in_words(rounded)}, as published" if rounded else "size not published"


def _rounded(entry: Download) -> float | None:
    published = {dataset.value: numbers for dataset, numbers in PUBLISHED.items()}.get(entry.dataset)
    return getattr(published, f"{entry.file}_bytes", None)


def _bytes_of(config: Config, entry: Download, results: Path) -> float:
    """Of a file that is here or will be downloaded; 0 where its size is not published."""
    present = _downloads_folder(config, results) / entry.path
    return present.stat().st_size if present.exists() else entry.bytes or _rounded(entry) or 0.0


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
    archives = _archives(config, dataset)
    archive, more = archives[0], f" and {len(archives) - 1:,} more" if len(archives) > 1 else ""
    whole = section.images_from == ImagesFrom.ARCHIVE
    if mirror and kind_of(mirror) == FOLDER:
        places = [Path(mirror) / (one.path if whole else one.path.parent / "images") for one in archives]
        absent = list(dict.fromkeys(place for place in places if not place.exists()))
        others = f", nor {len(absent) - 1:,} more" if len(absent) > 1 else ""
        lacks = f", which does not hold them: {absent[0]} is not there{others}" if absent else ""
        yield f"read from the mirror {mirror}{lacks or ': nothing is downloaded'}"
        return
    how = "byte ranges of" if whole else "single objects beside"
    moved = _moved(config, dataset, results)
    yield f"{moved.in_bytes()} by {how} {archive.url}{more} from {_source(mirror, archive)}{_gaps(config, moved)}"
    if whole and not all(directory.is_file() for directory in _directories(config, archives, results)):
        size = Amount(
            DIRECTORY_ENTRY * PUBLISHED[dataset].images,
            exact=False,
            basis=f"{PUBLISHED[dataset].images:,} members of about {DIRECTORY_ENTRY} bytes",
        )
        yield f"{size.in_bytes()} before that: {'their central directories' if more else 'its central directory'}, once"


def _archives(config: Config, dataset: Dataset) -> list[Download]:
    """The archives that hold the images of a run, each once."""
    found = (images_of(dataset.value, store, DATASETS) for store in stores_of_run(config.source, dataset))
    return list({archive.path: archive for archive in found}.values())


def _directories(config: Config, archives: Sequence[Download], results: Path) -> list[Path]:
    """Tables of their members, there or not."""
    return [_downloads_folder(config, results) / f"{archive.path}.members.parquet" for archive in archives]


def _gaps(config: Config, moved: Amount) -> str:
    """What comes with the members, where these are counted exactly."""
    if not moved.exact or not config.images.gap_kibibytes:
        return ""
    from gandl.source.zip.members import GAP_SHARE

    return f", and at most {GAP_SHARE:.0%} more where gaps between them save requests"


def _moved(config: Config, dataset: Dataset, results: Path) -> Amount:
    published, channels = PUBLISHED[dataset], len(CHANNELS[dataset])
    directories = _directories(config, _archives(config, dataset), results)
    table = _sites_table(config, dataset, results)
    section = getattr(config.source, dataset.value)
    if section.images_from == ImagesFrom.ARCHIVE and table.is_file() and all(one.is_file() for one in directories):
        import pandas as pd

        from gandl.source.zip.members import planned_bytes

        if dataset is Dataset.BBBC021:  # every member of a plate's archive is an image of it
            return Amount(sum(planned_bytes(directory) for directory in directories), exact=True)
        sites = pd.read_parquet(table, columns=["experiment", "plate", "well", "site", "store_id"])
        sites = sites[sites.pop("store_id").isin(stores_of_run(config.source, dataset))]
        keys = [key for row in sites.itertuples(index=False) for key in member_keys(dataset, *row)]
        return Amount(planned_bytes(directories[0], keys), exact=True)
    if section.images_from == ImagesFrom.ARCHIVE and table.is_file():
        left = f"; exact once the central {'directories are' if len(directories) > 1 else 'directory is'} here"
    else:
        left = "" if table.is_file() else "; closer once the metadata is here"
    sites_there = _sites(config, dataset, results)
    assert sites_there is not None
    mean = size_in_words(published.image_bytes)
    return Amount(
        sites_there.value * channels * published.image_bytes,
        exact=False,
        basis=f"{sites_there.value:,.0f} sites of {channels} {published.kind}s of {mean}, the mean of the published "
        f"{size_in_words(published.images_bytes)}{left}",
    )


def _disk(config: Config, dataset: Dataset, stores: Sequence[str], results: Path) -> tuple[float, str]:
    """Size of the stores (0: not known), also in words: of those that are packed, exactly; of all, before compression."""
    folder = _folder(config, results) / "images" / dataset.value
    packed = [folder / f"{store}.manifest.json" for store in stores]
    there = [json.loads(path.read_text(encoding="utf-8"))["bytes"] for path in packed if path.is_file()]
    if len(there) == len(stores):
        return sum(there), f"image stores: {size_in_words(sum(there))}, packed"
    sites, raw = _sites(config, dataset, results), raw_bytes(config, dataset)
    part = f"; {len(there)} of {len(stores)} are packed ({size_in_words(sum(there))})" if there else ""
    if raw is None or sites is None:
        return 0.0, f"image stores: size known once they are packed{part}"
    size = Amount(sites.value * raw, sites.exact, "from the number of sites")
    return size.value, f"image stores: at most {size.in_bytes()}, before compression{part}"
