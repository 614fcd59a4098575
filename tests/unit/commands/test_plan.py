"""The plan: published totals and estimates marked as such, each with its basis; exact once metadata and directory are here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pytest
import yaml

from gandl.commands.plan import plan_lines
from gandl.commands.planning.sizes import size_in_words
from gandl.commands.planning.work import gpu_hours
from gandl.config import Config, Dataset, FeaturizerName, PlatesSettings
from gandl.config.check import load_config
from gandl.config.files import read_config
from gandl.source.catalogue import file_of
from gandl.source.screens.published import member_keys
from gandl.source.zip.directory import write_directory
from gandl.tables import SITES, write_table
from plate_files import write_six_channel_plates
from screen_inputs import wells_of_screen

STORE = "HRCE-1_1"


@pytest.fixture(autouse=True)
def _in_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def configured(repository: Path, name: str, **source: Any) -> Config:
    """A configuration file with changes to its section `source.rxrx19a`."""
    values = yaml.safe_load((repository / f"config/{name}.yaml").read_text(encoding="utf-8"))
    if source:
        values["source"]["rxrx19a"] |= source
    return load_config(values)


def part(lines: list[str], dataset: str) -> str:
    """The lines of one screen."""
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{dataset}: "))
    end = next(i for i, line in enumerate(lines[start + 1 :], start + 1) if not line.startswith("  "))
    return "\n".join(lines[start:end])


def images_location() -> PurePosixPath:
    return file_of("rxrx19a", "images", Path("resources/datasets.csv")).path


def write_sites(results: Path, run: str, sites: int = 3) -> pd.DataFrame:
    wells = wells_of_screen().query("plate_id == @STORE")
    table = wells.assign(site_id=wells["well_id"] + "_1", site=1).head(sites)[SITES.names]
    path = results / run / "source/rxrx19a/sites.parquet"
    path.parent.mkdir(parents=True)
    write_table(table, path, SITES)
    return table


def test_before_anything_is_here_published_totals_are_reported_as_estimates_with_their_basis(
    tmp_path: Path, repository: Path
) -> None:
    lines = plan_lines(configured(repository, "paper"), None, tmp_path)
    ours, zero_shot = part(lines, "rxrx19a"), part(lines, "rxrx1")
    assert "57 stores, ~305,520 sites (305,520 published)" in ours
    assert "~445 GB (305,520 sites of 5 PNGs of 291 kB, the mean of the published 445 GB" in ours
    assert (
        "by byte ranges of https://storage.googleapis.com/rxrx/RxRx19a/RxRx19a-images.zip from its official host"
        in ours
    )
    assert "(1,527,600 members of about 130 bytes) before that: its central directory, once" in ours
    assert f"at most ~{size_in_words(305_520 * 5 * 512**2)}" in ours
    assert "RxRx19a-metadata.zip (size not published)" in ours
    assert "51 stores, ~125,510 sites" in zero_shot
    assert "rxrx1-metadata.zip (~1 MB, as published)" in zero_shot


def test_embeddings_are_downloaded_only_where_they_are_a_featurizer(tmp_path: Path, repository: Path) -> None:
    assert "RxRx19a-DL-embeddings.zip (~1.48 GB, as published)" in "\n".join(
        plan_lines(configured(repository, "paper"), None, tmp_path)
    )
    assert "embeddings.zip" not in "\n".join(plan_lines(configured(repository, "pilot"), None, tmp_path))


def test_single_plates_move_their_share_by_single_objects(tmp_path: Path, repository: Path) -> None:
    lines = plan_lines(configured(repository, "pilot", images_from="objects"), None, tmp_path)
    reported = part(lines, "rxrx19a")
    assert "2 stores, ~10,720 sites" in reported
    assert "the pilot's choice of wells takes fewer" in reported
    assert "by single objects beside" in reported
    assert "central directory" not in reported


def test_sites_and_bytes_are_exact_once_metadata_and_directory_are_here(tmp_path: Path, repository: Path) -> None:
    config = configured(repository, "pilot", images_from="archive", stores=[STORE])
    sites = write_sites(tmp_path / "results", config.run)
    before = "\n".join(plan_lines(config, None, tmp_path / "results"))
    assert "1 store, 3 sites" in before
    assert "exact once the central directory is here" in before
    names = [key for row in sites.itertuples() for key in member_keys(Dataset.RXRX19A, row.experiment, 1, row.well, 1)]
    archive = tmp_path / "mirror" / images_location()
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        for i, name in enumerate([*names, "HRCE-2/Plate9/B02_s1_w1.png"]):
            file.writestr(f"RxRx19a/images/{name}", bytes(1000 + i))
        occupied = file.infolist()[-1].header_offset
    directory = tmp_path / "results/downloads" / f"{images_location()}.members.parquet"
    directory.parent.mkdir(parents=True)
    write_directory(f"https://{images_location()}", tmp_path / "mirror", directory, config.images)
    after = "\n".join(plan_lines(config, None, tmp_path / "results"))
    assert f"images     {size_in_words(occupied)} by byte ranges" in after
    assert "from its official host, and at most 2% more where gaps between them save requests" in after
    assert "before that: its central directory" not in after
    assert "~" not in after.partition("GPU hours")[0]


def test_a_simulated_run_downloads_nothing_and_counts_its_sites(tmp_path: Path, repository: Path) -> None:
    lines = plan_lines(configured(repository, "config"), None, tmp_path)
    reported = "\n".join(lines)
    assert lines[0] == "Run simulated: rxrx19a and rxrx1, simulated: no image is downloaded"
    assert "http" not in reported
    assert "~" not in reported
    assert "10 stores" in reported


def test_imagenet_weights_are_downloaded_where_no_package_brings_them(tmp_path: Path, repository: Path) -> None:
    lines = plan_lines(configured(repository, "paper"), None, tmp_path)
    ours = "\n".join(lines[lines.index("all") :])
    for name in ("densenet121-a639ec97", "resnet50-0676ba61"):
        assert f"download   https://download.pytorch.org/models/{name}.pth (size not published)" in ours
    assert "download.pytorch.org" not in "\n".join(plan_lines(configured(repository, "config"), None, tmp_path))


def test_every_training_of_the_run_is_named(tmp_path: Path, repository: Path) -> None:
    config = configured(repository, "paper")
    trained = [line.split()[1] for line in plan_lines(config, None, tmp_path) if line.startswith("  training ")]
    assert trained == ["gandl:", "densenet161_arcface:", "conv_ae:", "imagenet_collapsed:"]
    fewer = config.changed(embeddings=config.embeddings.changed(featurizers=[FeaturizerName.GANDL]))
    assert sum("  training " in line for line in plan_lines(fewer, None, tmp_path)) == 1


def test_a_mirror_folder_that_lacks_a_file_is_reported(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "storage.googleapis.com/rxrx/RxRx19a").mkdir(parents=True)
    (tmp_path / "storage.googleapis.com/rxrx/RxRx19a/RxRx19a-images.zip").write_bytes(b"")
    lines = plan_lines(configured(repository, "paper"), str(tmp_path), tmp_path / "results")
    ours, zero_shot = part(lines, "rxrx19a"), part(lines, "rxrx1")
    assert "RxRx19a-metadata.zip is not there" in ours
    assert f"images     read from the mirror {tmp_path}: nothing is downloaded" in ours
    assert "which does not hold them:" in zero_shot
    assert "rxrx1-images.zip is not there" in zero_shot


def test_a_mirror_of_single_objects_is_a_folder_of_images(tmp_path: Path, repository: Path) -> None:
    config = configured(repository, "pilot", images_from="objects")
    assert "RxRx19a/images is not there" in "\n".join(plan_lines(config, str(tmp_path), tmp_path / "results"))


def test_a_screen_with_an_archive_per_plate_reports_them_together(tmp_path: Path, repository: Path) -> None:
    config = read_config(repository / "config/bbbc021.yaml")
    text = part(plan_lines(config, None, tmp_path / "results"), "bbbc021")
    assert text.startswith("bbbc021: 55 stores, ~13,200 sites (13,200 published)")
    assert "BBBC021_v1_image.csv (~3.7 MB, as published) from its official host" in text
    assert "BBBC021_v1_moa.csv (size not published)" in text
    assert "compound.csv" not in text
    assert "~46.1 GB (13,200 sites of 3 TIFFs of 1.17 MB" in text
    assert "images_Week1_22123.zip and 54 more from its official host" in text
    assert "their central directories, once" in text
    assert "at most ~26 GB (from the number of sites), before compression" in text, (
        "512 x 640 px, three channels, 16 bit"
    )


def test_archives_that_a_mirror_lacks_are_counted_and_the_first_is_named(tmp_path: Path, repository: Path) -> None:
    config = read_config(repository / "config/bbbc021.yaml")
    place = tmp_path / "data.broadinstitute.org/bbbc/BBBC021"
    place.mkdir(parents=True)
    (place / "BBBC021_v1_images_Week1_22123.zip").touch()
    text = part(plan_lines(config, str(tmp_path), tmp_path / "results"), "bbbc021")
    assert "images_Week1_22141.zip is not there, nor 53 more" in text


def test_a_mirror_server_is_named(tmp_path: Path, repository: Path) -> None:
    reported = "\n".join(plan_lines(configured(repository, "paper"), "https://example.org/data", tmp_path))
    assert "RxRx19a-images.zip from the mirror https://example.org/data" in reported


def test_the_plate_reports_what_is_downloaded_and_from_where(tmp_path: Path, repository: Path) -> None:
    reported = "\n".join(plan_lines(configured(repository, "bbbc013"), "https://example.org/data", tmp_path))
    assert "BBBC013_v1_images_bmp.zip (size not published) from the mirror https://example.org/data" in reported
    assert "1 store, 96 sites" in reported


def test_stores_of_ones_own_plates_are_reported_by_the_first_image(tmp_path: Path, repository: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="A")  # 14 sites of six images of 97 x 110 px, 16 bit
    values = yaml.safe_load((repository / "config/ci.yaml").read_text(encoding="utf-8"))
    values["source"] |= {
        "datasets": ["plates"],
        "bbbc013": None,
        "plates": PlatesSettings(table=str(table)).model_dump(),
    }
    values["images"]["resolutions"] = {"plates": [97, 48]}
    values["training"] |= {"resolution": 48, "network": values["training"]["network"] | {"crop": 16}}
    values["embeddings"] |= {"resolutions": {"plates": 48}, "featurizers": ["gandl"]}
    values["evaluation"]["questions"] = []
    config = load_config(values)
    reported = "\n".join(plan_lines(config, None, tmp_path / "results"))
    assert f"at most {size_in_words(14 * 6 * 2 * (97 * 110 + 48 * 55))}, before compression" in reported
    next(table.parent.rglob("*.tif")).unlink()
    for file in table.parent.rglob("*.tif"):
        file.write_bytes(b"damaged")
    assert "size known once they are packed" in "\n".join(plan_lines(config, None, tmp_path / "results"))


def test_what_is_there_already_is_reported(tmp_path: Path, repository: Path) -> None:
    archive = tmp_path / "downloads/data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(bytes(3_000_000))
    reported = plan_lines(configured(repository, "bbbc013"), None, tmp_path)
    assert any("none:" in line and "(3 MB)" in line for line in reported)


def test_the_bytes_of_every_stored_resolution_are_counted_and_those_packed_are_exact(
    tmp_path: Path, repository: Path
) -> None:
    config = read_config(repository / "config/bbbc013.yaml")
    raw = 96 * 2 * sum(size**2 for size in config.images.resolutions[Dataset.BBBC013])
    assert f"at most {size_in_words(raw)}, before compression" in "\n".join(plan_lines(config, None, tmp_path))
    manifest = tmp_path / config.run / "images/bbbc013/BBBC013_1.manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"bytes": 12_300_000}))
    assert "image stores: 12.3 MB, packed" in "\n".join(plan_lines(config, None, tmp_path))


@pytest.mark.parametrize(("found", "reported"), [(None, True), ("/usr/bin/nvidia-smi", False)])
def test_a_gpu_that_this_machine_has_not_is_reported(
    found: str | None, reported: bool, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: found)
    on_gpu, on_cpu = (
        "\n".join(plan_lines(configured(repository, name), None, tmp_path)) for name in ("pilot", "config")
    )
    assert ("no GPU found on this machine" in on_gpu) is reported
    assert "no GPU found on this machine" not in on_cpu


def test_gpu_hours_are_those_of_a_measured_network_of_the_same_shape_or_not_measured(
    tmp_path: Path, repository: Path
) -> None:
    config = configured(repository, "paper")
    network, batch = config.training.network, config.training.batch
    speeds = tmp_path / "training.csv"
    assert gpu_hours(config, benchmarks=speeds).startswith("not measured")
    shape = network.crop, network.channel_base, batch
    rows = [
        ("NVIDIA Some GPU", "plain", *shape, "bfloat16", True, 100),
        ("NVIDIA Some GPU", "gandl", *shape, "float32", False, 200),
        ("NVIDIA Some GPU", "gandl", *shape, "bfloat16", True, 400),
        ("A CPU", "gandl", *shape, "bfloat16", True, 1),
    ]
    columns = ["device", "what", "crop", "channel_base", "batch", "precision", "compiled", "images_per_second"]
    pd.DataFrame(rows[::-1], columns=columns).to_csv(speeds, index=False)
    hours = config.training.images / 400 / 3600
    assert gpu_hours(config, benchmarks=speeds) == f"~{hours:,.0f} (400 images/s, measured on NVIDIA Some GPU)"
    other = config.model_copy(update={"training": config.training.model_copy(update={"batch": batch * 2})})
    assert gpu_hours(other, benchmarks=speeds).startswith("not measured")


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 bytes"), (1_480_000_000, "1.48 GB"), (445e9, "445 GB"), (2.5e12, "2.5 TB")]
)
def test_sizes_are_reported_in_decimal_units(size: float, words: str) -> None:
    assert size_in_words(size) == words
