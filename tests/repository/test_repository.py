"""Habits of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

STAGES = ("source", "images", "models", "embeddings", "normalization", "evaluation", "figures", "report")
GATHERING = ("all", "figures", "report")
"""Rules without outputs of their own."""


def _rules(repository: Path) -> dict[str, str]:
    """Text of every rule, by name."""
    found = {}
    for path in [repository / "Snakefile", *sorted((repository / "rules").glob("*.smk"))]:
        parts = re.split(r"^rule (\w+):$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found.update(dict(zip(parts[1::2], parts[2::2], strict=True)))
    return found


def test_the_snakefile_is_a_table_of_contents(repository: Path) -> None:
    assert len((repository / "Snakefile").read_text(encoding="utf-8").splitlines()) <= 40


def test_every_rule_has_docstring_log_benchmark_resources_and_a_code_version(repository: Path) -> None:
    for name, text in _rules(repository).items():
        assert text.lstrip().startswith('"""'), name
        if name not in GATHERING:
            for directive in ("log:", "benchmark:", "threads:", "resources:", "params:", "conda:", "script:"):
                assert f"    {directive}\n" in text or f"    {directive} " in text, f"{name} lacks {directive}"
            assert "code=code_version(" in text, name
            assert "mem=" in text, name
            assert "runtime=" in text, name


def test_no_rule_uses_lambda_run_retries_checkpoint_or_directory(repository: Path) -> None:
    for path in [repository / "Snakefile", *(repository / "rules").glob("*.smk")]:
        text = path.read_text(encoding="utf-8")
        for forbidden in ("lambda", "run:", "retries:", "checkpoint ", "directory(", "shell:"):
            assert not re.search(
                rf"^\s*{re.escape(forbidden)}|\b{re.escape(forbidden.strip(': ('))}\(", text, re.MULTILINE
            ), f"{path.name}: {forbidden}"
        assert "lambda" not in text


def test_every_rule_calls_a_script_of_its_own_that_stays_thin(repository: Path) -> None:
    scripts = {path.stem for path in (repository / "workflow/scripts").glob("*.py")}
    assert scripts == set(_rules(repository)) - set(GATHERING)
    for path in (repository / "workflow/scripts").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path.name


def test_a_stage_imports_no_stage_behind_it(repository: Path) -> None:
    for position, stage in enumerate(STAGES):
        later = STAGES[position + 1 :]
        for path in (repository / "src/gandl" / stage).glob("*.py"):
            for name in _imported(path):
                assert not any(name.startswith(f"gandl.{other}") for other in later), (
                    f"{path.name} of {stage} imports {name}"
                )


@pytest.mark.parametrize("module", ["config", "tables", "files", "code_version", "jobs", "progress", "statistics"])
def test_modules_that_all_stages_share_import_no_stage(repository: Path, module: str) -> None:
    base = repository / "src/gandl" / module
    files = list(base.glob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    assert files
    for path in files:
        for name in _imported(path):
            assert not any(name.startswith(f"gandl.{stage}") for stage in STAGES), f"{path.name} imports {name}"


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_every_public_function_and_class_has_a_docstring(repository: Path) -> None:
    missing = []
    for path in (repository / "src/gandl").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), f"{path} has no docstring"
        for node in tree.body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                missing.append(f"{path.name}: {node.name}")
    assert [name for name in missing if not _is_plain_enum(name)] == []


def _is_plain_enum(name: str) -> bool:
    """The enums of config.py: their members are their description, the fields that use them carry the text."""
    return name in {
        f"config.py: {enum}"
        for enum in ("Dataset", "GeneratorKind", "FeaturizerName", "Activation", "Weights", "Normalization")
    }


def test_every_setting_is_read_somewhere(repository: Path) -> None:
    """A key that no code reads is a promise not kept."""
    from gandl.config import Config
    from gandl.config_files import _keys

    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("src/gandl", "rules", "workflow/scripts")
        for path in (repository / folder).rglob("*")
        if path.suffix in (".py", ".smk") and path.name not in ("config.py", "config_files.py")
    )
    unread = [key for key, *_ in _keys(Config, "") if not re.search(rf"(\.|\"){key.rsplit('.', 1)[-1]}\b", code)]
    assert unread == []


def test_every_figure_has_a_caption_that_states_n(repository: Path) -> None:
    for name in _rules(repository):
        if name.startswith(("figure_", "table_")):
            stem = name.removeprefix("figure_")
            caption = repository / "workflow/report" / f"{stem}.rst"
            assert re.search(r"\bn\b|wells|crops|images", caption.read_text(encoding="utf-8")), caption.name


def test_environment_files_and_lock_name_the_same_versions(repository: Path) -> None:
    lock = set(
        re.findall(
            r"^([a-z0-9._-]+==[^\s\\]+)", (repository / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    for name in ("cpu", "gpu"):
        environment = yaml.safe_load((repository / f"envs/{name}.yaml").read_text(encoding="utf-8"))
        (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
        assert pip[0] == "torch==2.13.0"
        assert set(pip[1:]) == lock


def test_the_version_is_one(repository: Path) -> None:
    import gandl

    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == gandl.__version__ == citation["version"]


def test_nothing_is_left_undone_in_the_text(repository: Path) -> None:
    for folder in ("src", "rules", "workflow", "docs", "tests", "benchmarks"):
        for path in (repository / folder).rglob("*"):
            if path.suffix in (".py", ".smk", ".md", ".rst") and path != Path(__file__).resolve():
                assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8")), path.name
