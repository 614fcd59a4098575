"""Which channel shows nuclei: by name where one says so, else by the objects seen, with a note; numbers are names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image
from scipy import ndimage

from gandl.check.configuration import suggest, write_configuration
from gandl.check.nuclear_channel import NucleiOfChannel, areas_of_nuclei, choose_nuclear
from gandl.check.plates import CheckReport, check_plates
from gandl.config import Config, FeaturizerName, PlatesSettings
from gandl.config.check import load_config
from gandl.config.files import read_config, to_yaml
from gandl.embeddings.channels import select_channels
from plate_files import write_csv

SIDE = 240
RADIUS = 7


def field(rng: np.random.Generator, cells: int = 12) -> dict[str, np.ndarray]:
    """A field of `cells` cells apart from each other, (240, 240) uint16: nuclei, large bodies, fibres, and noise alone."""
    grid = [(30 + 60 * i, 30 + 60 * j) for i in range(4) for j in range(4)]
    chosen = [grid[i] for i in rng.permutation(len(grid))[:cells]]
    y, x = np.mgrid[:SIDE, :SIDE]
    nuclei, bodies, fibres = np.zeros((3, SIDE, SIDE))
    for cy, cx in chosen:
        nuclei[np.hypot(y - cy, x - cx) < RADIUS] = 1
        bodies += np.exp(-((np.hypot(y - cy, x - cx) / 22) ** 2))
        for angle in rng.uniform(0, np.pi, 3):
            across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
            fibres[(np.abs(across) < 1.5) & (np.hypot(y - cy, x - cx) < 28)] = 1
    planes = {"nuclei": nuclei, "bodies": bodies, "fibres": fibres, "noise": np.zeros((SIDE, SIDE))}
    return {name: _camera(plane, rng) for name, plane in planes.items()}


def _camera(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    blurred = ndimage.gaussian_filter(plane, 1.0)
    return np.clip(200 + 3000 * blurred + 60 * rng.standard_normal(plane.shape), 0, 65535).astype(np.uint16)


def write_plate(folder: Path, channels: Mapping[str, str], wells: int = 4) -> Path:
    """A plate with one field per well; channel name -> what `field` draws there."""
    rng = np.random.default_rng(0)
    rows = []
    for well in range(1, wells + 1):
        drawn = field(rng)
        files = {}
        for name, what in channels.items():
            files[f"file_{name}"] = f"A{well:02d}_ch{name}.tif"
            (folder / "x").mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / "x" / files[f"file_{name}"], drawn[what])
        rows.append({"well": f"A{well}", **files})
    return write_csv(folder / "x/sites.csv", rows)


NUMBERED = {"1": "bodies", "2": "fibres", "3": "nuclei", "4": "noise"}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plate(tmp_path_factory.mktemp("numbered"), NUMBERED)


@pytest.fixture(scope="module")
def report(numbered: Path) -> CheckReport:
    return check_plates(numbered)


def test_discs_are_counted_and_measured_and_nothing_else_is() -> None:
    for factor in (1, 4):
        drawn = {
            name: image.repeat(factor, 0).repeat(factor, 1) for name, image in field(np.random.default_rng(1)).items()
        }
        areas = areas_of_nuclei(drawn["nuclei"])
        assert len(areas) == 12
        # smoothing adds up to about half a pixel all around
        assert np.median(areas) == pytest.approx(np.pi * RADIUS**2 * factor**2, rel=0.25)
        assert [len(areas_of_nuclei(drawn[name])) for name in ("fibres", "noise")] == [0, 0]
        assert len(areas_of_nuclei(drawn["bodies"])) < 6
    assert len(areas_of_nuclei(np.full((80, 80), 7, np.uint8))) == 0


def test_the_channel_with_most_objects_is_proposed_with_a_note_and_a_reason(
    report: CheckReport, numbered: Path, tmp_path: Path
) -> None:
    assert report.passed
    per_field = {of.channel: of.per_field for of in report.nuclei}
    assert max(per_field, key=lambda name: per_field[name]) == "3"
    assert per_field["3"] == 12
    assert any(line.startswith("nuclei      objects like nuclei per field: 3 12.0, ") for line in report.summary)
    (note,) = [note for note in report.notes if "looks like them" in note]
    assert note.startswith(
        "no channel's name indicates nuclei; channel 3 looks like them (12.0 compact, bright objects per field in 3"
    )
    suggestion = suggest(report, PlatesSettings(table=str(numbered)))
    assert suggestion.config.embeddings.segmentation.nuclear_channels == ["3"]
    assert suggestion.config.training.nuclear_channels == ["3"]
    assert FeaturizerName.SEGMENTATION in suggestion.config.embeddings.featurizers
    (reason,) = [reason for reason in suggestion.reasons if reason.startswith("Channels:")]
    assert "nuclei: 3, as no channel is named so, but 12.0 compact, bright objects per field in 3" in reason
    written = tmp_path / "mine.yaml"
    write_configuration(report, PlatesSettings(table=str(numbered)), written)
    assert read_config(written) == suggestion.config
    text = written.read_text(encoding="utf-8")
    assert text.count('nuclear_channels: ["3"]') == 2
    written.write_text(text.replace('["3"]', "[3]"), encoding="utf-8")
    assert read_config(written) == suggestion.config, "YAML reads 3 as a number; it is a name all the same"


def test_a_name_goes_before_what_is_seen_and_a_contradiction_is_noted(tmp_path: Path) -> None:
    report = check_plates(write_plate(tmp_path, {"DAPI": "fibres", "er": "nuclei"}))
    suggestion = suggest(report, PlatesSettings(table=str(tmp_path / "x/sites.csv")))
    assert suggestion.config.embeddings.segmentation.nuclear_channels == ["DAPI"]
    assert any("nuclei: DAPI, by name" in reason for reason in suggestion.reasons)
    (note,) = [note for note in report.notes if "right order" in note]
    assert note.startswith("channel er shows more objects like nuclei (12.0 per field) than DAPI (0.0)")


def test_close_choices_say_so_and_few_objects_choose_nothing() -> None:
    def choice(**per_field: float):
        return choose_nuclear(tuple(per_field), tuple(NucleiOfChannel(*item, 300.0) for item in per_field.items()))

    assert "It is a close choice." in choice(a=10.0, b=7.0).note
    assert "close" not in choice(a=10.0, b=2.0).note
    assert choice(a=0.5, b=0.2).channels == ()
    assert "so the featurizers that need cells are left out" in choice(a=0.5, b=0.2).why
    assert choose_nuclear(("1", "2"), ()).channels == ()
    assert choice(only=4.0).why == "only, as no channel is named so, but 4.0 compact, bright objects per field in only"


def test_numbers_are_names_of_channels_wherever_the_configuration_wants_one() -> None:
    values = yaml.safe_load(to_yaml(Config(), "test"))
    values["embeddings"]["drop_channels"] = [6, "mito"]
    values["embeddings"]["segmentation"]["nuclear_channels"] = [1]
    values["training"]["nuclear_channels"] = [1, "dna"]
    config = load_config(values)
    assert config.embeddings.drop_channels == ["6", "mito"]
    assert config.embeddings.segmentation.nuclear_channels == ["1"]
    assert config.training.nuclear_channels == ["1", "dna"]
    chosen = select_channels(
        ["1", "6", "2"], ["1", "2"], config.embeddings.drop_channels, store="store", featurizer="gandl"
    )
    assert chosen.positions == (0, 2)
    values["embeddings"]["drop_channels"] = [True]
    with pytest.raises(SystemExit, match="drop_channels"):
        load_config(values)


def test_channels_of_file_names_are_numbers_too(numbered: Path) -> None:
    pattern = r"(?P<well>[A-P]\d\d)_ch(?P<channel>\d)\.tif"
    report = check_plates(PlatesSettings(folder=str(numbered.parent), pattern=pattern))
    assert report.channels == tuple(NUMBERED)
    assert choose_nuclear(report.channels, report.nuclei).channels == ("3",)


def test_nuclei_of_real_cells_are_found_in_their_channel(shared_data: Path) -> None:
    """RxRx1: w1 is Hoechst, of six channels; none of the others shows a fifth as many objects."""
    folder = shared_data / "rxrx1/images/HEPG2-08/Plate1"
    counts = [len(areas_of_nuclei(np.array(Image.open(folder / f"B02_s1_w{channel}.png")))) for channel in range(1, 7)]
    assert counts[0] > 30
    assert max(counts[1:]) < counts[0] / 5


def test_nuclei_of_bbbc013_are_found_in_dna_though_a_treatment_drives_the_other_stain_into_them(
    bbbc013_zip: Path,
) -> None:
    with zipfile.ZipFile(bbbc013_zip) as archive:
        for well in ("01-A-01", "36-C-12", "54-E-06"):
            counts = [
                len(areas_of_nuclei(np.array(Image.open(archive.open(f"BBBC013_v1_images_bmp/Channel{i}-{well}.BMP")))))
                for i in (1, 2)
            ]
            assert counts[1] > max(80, counts[0])
