"""The rooms of the house: packages use one another in one direction, by what they offer, and none is a heap."""

from __future__ import annotations

import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
import rooms

LINES, FILES = 350, 15
STAGES = ("source", "images", "models", "embeddings", "normalization", "evaluation", "figures", "report")


def test_no_package_uses_one_that_uses_it() -> None:
    """A package imports no package around it either, apart from what all of gandl shares."""
    TopologicalSorter(rooms.arrows()).prepare()  # raises CycleError


def test_a_stage_imports_no_stage_behind_it(repository: Path) -> None:
    for position, stage in enumerate(STAGES):
        later = STAGES[position + 1 :]
        for path in (repository / "src/gandl" / stage).rglob("*.py"):
            for name in rooms.imports(path):
                assert not any(name.startswith(f"gandl.{other}") for other in later), (
                    f"{path.name} of {stage} imports {name}"
                )


def test_what_all_stages_share_imports_no_stage() -> None:
    shared = {f"gandl.{name}" for name in rooms.EVERYWHERE}
    for room in shared:
        assert set(rooms.arrows()[room]) <= shared | {"gandl"}, room


def test_packages_import_what_others_offer() -> None:
    """A module outside its package's `__all__` is that package's own."""
    private = []
    for name, path in rooms.modules().items():
        for other in rooms.imports(path):
            room, _, module = other.rpartition(".")
            elsewhere = rooms.room_of(name) != room and not rooms.is_room(other)
            if elsewhere and module not in rooms.public(room):
                private.append(f"{name} imports {other}")
    assert private == []


def test_the_engine_knows_objectives_by_their_interface_only() -> None:
    """What it imports of objectives and networks would serve any objective."""
    serves_all = {"objectives": {"kinds", "objective", "troubles"}, "networks": {"trained", "weights"}}
    for name, path in rooms.modules().items():
        if name.startswith("gandl.models.engine."):
            used = rooms.imports(path)
            for package, modules in serves_all.items():
                of = {other.rpartition(".")[2] for other in used if other.startswith(f"gandl.models.{package}.")}
                assert of <= modules, name


def test_every_offer_is_a_module() -> None:
    for room in filter(rooms.is_room, rooms.modules()):
        missing = [name for name in rooms.public(room) if f"{room}.{name}" not in rooms.modules()]
        assert missing == [], room


def test_every_package_says_what_it_takes_and_makes() -> None:
    for room in filter(rooms.is_room, rooms.modules()):
        text = rooms.modules()[room].read_text(encoding="utf-8")
        assert text.startswith(f'"""{room.rsplit(".", 1)[-1]}: '), room


def test_the_drawing_is_that_of_the_imports() -> None:
    assert rooms.PAGE.read_text(encoding="utf-8") == rooms.page(), "run `python docs/rooms.py`"


def test_a_used_module_stands_before_its_user_in_the_drawing() -> None:
    """Two arrows that anybody can check by reading the files, and one that must not be there."""
    text = rooms.drawing()
    assert "    models_networks --> embeddings\n" in text
    assert "    source_remote --> source_zip\n" in text
    assert "source_zip --> source_remote" not in text


@pytest.mark.parametrize("folder", ["src/gandl", "rules", "workflow", "benchmarks", "docs"])
def test_files_and_folders_stay_small(repository: Path, folder: str) -> None:
    endings = {".py", ".smk", ".jinja"}
    files = [path for path in (repository / folder).rglob("*") if path.suffix in endings]
    long = [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > LINES]
    assert long == []
    crowded = [f.name for f in {path.parent for path in files} if sum(path.parent == f for path in files) > FILES]
    assert crowded == []
