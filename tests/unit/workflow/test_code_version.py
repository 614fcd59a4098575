"""What counts as a change of code: statements do, comments and docstrings do not, and only in modules that are imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from gandl.config import FeaturizerName
from gandl.embeddings.kinds import MODULES
from gandl.models.objectives.autoencoder import Autoencoding
from gandl.models.objectives.classifier import Classifying
from gandl.models.objectives.collapsed import Collapsing
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.kinds import OBJECTIVES
from gandl.models.objectives.objective import Objective
from gandl.workflow import code_version as module


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package in the place of gandl: a imports b inside a function, b imports nothing, c stands alone."""
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "__init__.py").write_text("")
    (tmp_path / "stage" / "a.py").write_text("def f():\n    from gandl.stage.b import g\n    return g()\n")
    (tmp_path / "stage" / "b.py").write_text(
        '"""Doc."""\n\nLIMIT = 3\n"""About the limit."""\n\n\ndef g():\n    return LIMIT\n'
    )
    (tmp_path / "stage" / "c.py").write_text("X = 1\n")
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    _forget()
    yield tmp_path / "stage"
    _forget()


def _forget() -> None:
    for cached in (module._content, module._kept, module._path):
        cached.cache_clear()


def _version(name: str) -> str:
    _forget()
    return module.code_version(name)


def test_a_statement_in_an_imported_module_changes_the_version(package: Path) -> None:
    before = _version("gandl.stage.a")
    (package / "b.py").write_text((package / "b.py").read_text().replace("LIMIT = 3", "LIMIT = 4"))
    assert _version("gandl.stage.a") != before


def test_comments_docstrings_and_layout_do_not(package: Path) -> None:
    before = _version("gandl.stage.a")
    text = (package / "b.py").read_text()
    text = (
        text.replace('"""Doc."""', '"""Another text."""')
        .replace("About the limit", "Why three")
        .replace("LIMIT = 3", "LIMIT = (3)  # why")
    )
    (package / "b.py").write_text(text)
    assert _version("gandl.stage.a") == before


def test_what_a_package_offers_does_not(package: Path) -> None:
    before = _version("gandl.stage.a")
    (package / "__init__.py").write_text('__all__ = ["a", "c"]\n')
    assert _version("gandl.stage.a") == before
    (package / "__init__.py").write_text('__all__ = ["a", "c"]\nX = 1\n')
    assert _version("gandl.stage.a") != before


def test_a_module_that_is_not_imported_does_not(package: Path) -> None:
    before = _version("gandl.stage.a")
    (package / "c.py").write_text("X = 2\n")
    assert _version("gandl.stage.a") == before


def test_a_file_is_read_into_a_tree_once_for_all_processes(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _version("gandl.stage.a")
    parsed: list[bytes] = []
    parse = ast.parse

    def counted(source: bytes) -> ast.Module:
        parsed.append(source)
        return parse(source)

    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", counted)
        again = _version("gandl.stage.a")
        (package / "b.py").write_text("LIMIT = 5\n")
        changed, changed_again = (_version("gandl.stage.a") for _ in range(2))
    assert again == before
    assert changed == changed_again != before
    assert parsed == [b"LIMIT = 5\n"]


def test_a_new_file_is_found_by_what_was_kept_of_its_importer(package: Path) -> None:
    (package / "a.py").write_text("from gandl.stage import later\n")
    before = _version("gandl.stage.a")
    (package / "later.py").write_text("X = 1\n")
    assert _version("gandl.stage.a") != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gandl.stage.a": {}}', '{"gandl.stage.a": 3}'])
def test_a_damaged_memory_is_no_memory(package: Path, text: str) -> None:
    before = _version("gandl.stage.a")
    memory = module._memory()
    assert memory.is_file()
    memory.write_text(text)
    assert _version("gandl.stage.a") == before


def test_what_another_state_of_the_reader_kept_goes_and_that_of_another_python_stays(package: Path) -> None:
    memory = module._memory()
    of_another = memory.with_name("code_version.cpython-399.0123456789abcdef.json")
    older = memory.with_name(f"code_version.{sys.implementation.cache_tag}.0123456789abcdef.json")
    memory.parent.mkdir(exist_ok=True)
    older.touch()
    of_another.touch()
    _version("gandl.stage.a")
    assert (memory.is_file(), older.exists(), of_another.exists()) == (True, False, True)


def test_where_nothing_may_be_written_nothing_is_kept(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _version("gandl.stage.a")
    module._memory().unlink()
    module._memory().parent.rmdir()
    module._memory().parent.touch()  # a file, where the folder would be
    assert _version("gandl.stage.a") == before
    assert module._memory().parent.is_file()


def test_an_unknown_module_is_named(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"stage\.nothing is not a module of gandl"):
        _version("gandl.stage.nothing")


def test_what_only_reports_begins_no_training_again() -> None:
    deciding = set(module.modules_of(*training_of(Gan)))
    assert {
        "gandl.models.objectives.losses",
        "gandl.models.objectives.gan",
        "gandl.models.engine.guard",
        "gandl.models.looks.quality",
    } <= deciding
    assert not deciding & {
        "gandl.workflow.interruption",
        "gandl.workflow.progress",
        "gandl.models.looks.status",
        "gandl.models.objectives.gan_work",
    }


def training_of(objective: type[Objective]) -> tuple[str, ...]:
    return "gandl.models.engine.training", objective.__module__, objective.measured_by


def test_an_objective_is_no_part_of_the_others_code() -> None:
    """Nor is it of the embeddings': adding one restarts no training and embeds nothing again."""
    of_gan = set(module.modules_of(*training_of(Gan)))
    of_autoencoder = set(module.modules_of(*training_of(Autoencoding)))
    assert not [name for name in of_gan | set(module.modules_of("gandl.embeddings.embed")) if "autoencoder" in name]
    assert "gandl.models.objectives.gan" not in of_autoencoder
    assert {"gandl.models.objectives.autoencoder", "gandl.models.looks.reconstruction"} <= of_autoencoder
    assert Gan.code() != Autoencoding.code()


def embeds(*featurizers: str) -> set[str]:
    modules = {MODULES[FeaturizerName(name)] for name in featurizers}
    return set(module.modules_of("gandl.embeddings.embed", *modules))


def test_a_featurizer_is_no_part_of_the_others_code() -> None:
    """A changed constant of the segmentation embeds with no network again, and the reverse."""
    for network in ("gandl", "gandl_blocks", "gandl_untrained"):
        assert not embeds(network) & {
            "gandl.embeddings.cells.segmentation",
            "gandl.embeddings.intensity",
            "gandl.images.nuclei",
        }
        assert "gandl.embeddings.network" in embeds(network)
    assert "gandl.embeddings.network" not in embeds("intensity", "segmentation")
    assert {"gandl.embeddings.cells.segmentation", "gandl.images.nuclei"} <= embeds("intensity", "segmentation")
    assert "gandl.embeddings.cells.segmentation" not in embeds("intensity")


def test_every_featurizer_that_sees_images_has_a_module_that_builds_it() -> None:
    assert set(MODULES) == set(FeaturizerName) - {FeaturizerName.RELEASED}
    for name in MODULES.values():
        assert callable(import_module(name).build)


def test_rules_of_trainings_name_the_code_of_their_objectives(repository: Path) -> None:
    rules = (repository / "rules/models.smk").read_text(encoding="utf-8")
    named = [re.findall(r'"([\w.]+)"', modules) for modules in re.findall(r"code=code_version\(([^)]*)\)", rules)]
    gan, classifier, autoencoder, collapsed = map(tuple, named)
    assert gan == training_of(Gan)
    assert autoencoder == training_of(Autoencoding)
    assert set(classifier) >= set(training_of(Classifying))
    assert set(collapsed) >= {"gandl.models.folds.training", *training_of(Collapsing)} - {
        "gandl.models.engine.training"
    }


FROM_NEUTRAL = {
    "gandl.models.engine.memory": {"advice", "fitting_microbatch"},
    "gandl.models.looks.measures": {"Given", "Measure", "measures_of", "no_discriminator"},
    "gandl.models.looks.status": {"Status", "machine_of"},
    "gandl.models.networks.kinds": {"KINDS"},
    "gandl.models.objectives.gan_work": {"work_per_image"},
    "gandl.models.objectives.kinds": {"DEFAULT", "OBJECTIVES", "objective_of"},
    "gandl.workflow.code_version": {"code_version"},
    "gandl.workflow.interruption": {"Interrupted", "Interruption"},
    "gandl.workflow.progress": {"Progress"},
    "gandl.workflow.words": {"counted", "named"},
}
"""All that hashed modules take from neutral ones: what reports, what chooses, and no number that decides a result."""


@pytest.mark.parametrize("objective", OBJECTIVES.values())
def test_no_constant_that_decides_is_outside_the_hash(objective: type[Objective]) -> None:
    rules = [*training_of(objective), "gandl.embeddings.embed", *MODULES.values(), "gandl.images.screens.packing"]
    for name in module.modules_of(*rules):
        path = module._path(name)
        assert path is not None
        for node in ast.walk(ast.parse(path.read_bytes())):
            taken = node.module if isinstance(node, ast.ImportFrom) else None
            if taken is not None and module._is_neutral(taken) and not f"{taken}.".startswith("gandl.config."):
                assert {alias.name for alias in node.names} <= FROM_NEUTRAL[taken], f"{name} takes it from {taken}"


def test_the_closure_is_what_python_really_imports() -> None:
    """Every gandl module that importing a stage loads, is hashed with it (neutral modules apart)."""
    name = "gandl.normalization.profiles"
    code = f"import sys, {name}; print(*(key for key in sys.modules if key.startswith('gandl.')))"
    # in a process of its own: modules loaded twice in this one would make two classes of each, and two of each enumeration
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(printed.split())
    assert name in loaded
    hashed = {name for name in loaded if not any(f"{name}.".startswith(f"{neutral}.") for neutral in module.NEUTRAL)}
    assert hashed <= set(module.modules_of(name))
