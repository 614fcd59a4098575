"""The state of a lab's files: what changes in them is noticed before a run, what does not is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gandl.config import PlatesSettings
from gandl.source.plates.state import state_of_folder, states_of_stores
from gandl.source.plates.stores import light_stores

PATTERN = r"(?P<plate>[^/]+)/(?P<well>[A-P]\d\d)_(?P<channel>\w+)\.tif"
TABLE = (
    "plate,well,file_dna,file_er\n"
    "2,A01,2/A01_dna.tif#1,2/A01_er.tif\n"
    "10,A01,10\\A01_dna.tif,10/A01_er.tif\n"
    "02,A02,2/A02_dna.tif,2/A02_er.tif\n"
)


@pytest.fixture(params=["table", "folder"])
def plates(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[PlatesSettings, Path]:
    """Two plates of two channels, given by a table or by the names in a folder; nothing looks into the files."""
    for name in ("2/A01", "2/A02", "10/A01"):
        for channel in ("dna", "er"):
            file = tmp_path / "lab" / f"{name}_{channel}.tif"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
    (tmp_path / "lab/sites.csv").write_text(TABLE)
    if request.param == "table":
        return PlatesSettings(table=str(tmp_path / "lab/sites.csv")), tmp_path / "lab"
    return PlatesSettings(folder=str(tmp_path / "lab"), pattern=PATTERN), tmp_path / "lab"


def states(settings: PlatesSettings) -> dict[str, str]:
    """As a new process sees them."""
    states_of_stores.cache_clear()
    return states_of_stores(settings)


def test_every_store_has_a_state_of_its_own(plates: tuple[PlatesSettings, Path]) -> None:
    settings, _ = plates
    found = states(settings)
    assert list(found) == light_stores(settings) == ["lab_2", "lab_10"]
    assert len(set(found.values())) == 2
    assert states(settings) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b"longer than before"),
        lambda file: os.utime(file, ns=(1, 1)),
        lambda file: file.unlink(),
    ],
    ids=["content", "time", "gone"],
)
def test_a_changed_image_changes_the_state_of_its_own_store_alone(
    plates: tuple[PlatesSettings, Path], change: Callable[[Path], object]
) -> None:
    settings, lab = plates
    before = states(settings)
    change(lab / "10/A01_dna.tif")
    after = states(settings)
    assert after["lab_2"] == before["lab_2"]
    assert after["lab_10"] != before["lab_10"]


def test_a_new_image_changes_the_state_of_a_folder_and_other_files_do_not(tmp_path: Path) -> None:
    (tmp_path / "lab/1").mkdir(parents=True)
    (tmp_path / "lab/1/A01_dna.tif").touch()
    settings = PlatesSettings(folder=str(tmp_path / "lab"), pattern=PATTERN)
    before = state_of_folder(settings)
    (tmp_path / "lab/1/notes.txt").touch()
    assert state_of_folder(settings) == before
    (tmp_path / "lab/1/A02_dna.tif").touch()
    assert state_of_folder(settings) != before
    assert state_of_folder(PlatesSettings(table="sites.csv")) is None  # Snakemake follows the table itself


def test_nothing_heavy_is_imported() -> None:
    code = "import sys; import gandl.source.plates.state; print({'pandas', 'numpy', 'pyarrow', 'tifffile'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
