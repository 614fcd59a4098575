"""Habits of the house that a machine can check."""

from __future__ import annotations

import ast
import csv
import importlib
import inspect
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

from gandl.workflow.made_of import GATHERING

WITHOUT_CODE = ("download", "directory", "pretrained")
"""Address and checksum alone decide a download; a hash of its code would move hundreds of gigabytes again."""


def _rules(repository: Path) -> dict[str, str]:
    """Text of every rule by name; a rule that inherits has behind its own text that of the rule it inherits from."""
    own: dict[str, str] = {}
    bases: dict[str, str] = {}
    for path in [repository / "Snakefile", *sorted((repository / "rules").rglob("*.smk"))]:
        text = path.read_text(encoding="utf-8")
        parts = re.split(r"^(?:use rule (\w+) as (\w+) with|rule (\w+)):$", text, flags=re.MULTILINE)
        for base, heir, alone, its in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True):
            own[heir or alone] = its
            if base:
                bases[heir] = base

    def whole(name: str) -> str:
        return own[name] + (whole(bases[name]) if name in bases else "")

    return {name: whole(name) for name in own}


def test_the_snakefile_is_a_table_of_contents(repository: Path) -> None:
    assert len((repository / "Snakefile").read_text(encoding="utf-8").splitlines()) <= 40


def test_every_rule_has_docstring_log_benchmark_resources_and_a_code_version(repository: Path) -> None:
    for name, text in _rules(repository).items():
        assert text.lstrip().startswith('"""'), name
        if name not in GATHERING:
            for directive in ("log:", "benchmark:", "threads:", "resources:", "params:", "conda:", "script:"):
                assert f"    {directive}\n" in text or f"    {directive} " in text, f"{name} lacks {directive}"
            code = re.search(
                r"code=(code_version\(|code_of\(|source_code,|packing_code,|code_of_setup,)|\*\*calls\(", text
            )
            assert bool(code) != (name in WITHOUT_CODE), name
            assert "mem=" in text, name
            assert "runtime=" in text, name


def test_no_file_of_rules_defines_a_function(repository: Path) -> None:
    """Functions stand in files of their own, without rules."""
    for path in (repository / "rules").rglob("*.smk"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^(use )?rule ", text, flags=re.MULTILINE):
            assert not re.search(r"^\s*def ", text, flags=re.MULTILINE), path.name


def test_the_rules_that_only_gather_are_those_without_outputs(repository: Path) -> None:
    assert {name for name, text in _rules(repository).items() if "    output:\n" not in text} == set(GATHERING)


def test_no_rule_uses_lambda_run_retries_checkpoint_or_directory(repository: Path) -> None:
    for path in [repository / "Snakefile", *(repository / "rules").rglob("*.smk")]:
        text = path.read_text(encoding="utf-8")
        for forbidden in ("lambda", "run:", "retries:", "checkpoint ", "directory(", "shell:"):
            assert not re.search(
                rf"^\s*{re.escape(forbidden)}|\b{re.escape(forbidden.strip(': ('))}\(", text, re.MULTILINE
            ), f"{path.name}: {forbidden}"
        assert "lambda" not in text


def test_the_rules_give_each_name_once(repository: Path) -> None:
    """All rule files share one namespace, in which a second value replaces the first without a word."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((repository / "rules").rglob("*.smk")))
    names = re.findall(r"^(?:(\w+) = |def (\w+)\()", text, flags=re.MULTILINE)
    given = Counter(name for pair in names for name in pair if name)
    assert [name for name, times in given.items() if times > 1] == []


def test_no_sentence_leaves_the_number_of_a_noun_open(repository: Path) -> None:
    """`gandl.workflow.words.counted` writes one site and two sites."""
    for path in [*(repository / "src/gandl").rglob("*.py"), *(repository / "workflow").rglob("*.rst")]:
        if path.name != "words.py":
            assert not re.findall(r"[a-z]\(s\)(?! address)", path.read_text(encoding="utf-8")), path.name


SERVING_MANY = ("figure", "question")
"""Scripts that call whatever function the rule names."""
SHARING = {
    "simulate_cell_lines": "simulate",
    "simulate_bbbc021": "simulate",
    "floors": "embeddings",
    "untrained": "embeddings",
    "baseline": "training",
    "baseline_embeddings": "embeddings",
    "conv_ae": "training",
    "conv_ae_embeddings": "embeddings",
    "cytogan": "training",
    "cytogan_embeddings": "embeddings",
    "imagenet": "embeddings",
    "pretrained": "download",
    "directory": "download",
    "collapsed_embeddings": "imagenet_collapsed",
    "collapsed_normalization": "normalization",
    "profiles": "export",
    "site_profiles": "export",
    "profiles_h5ad": "export",
    "ome_zarr_plates": "export",
    "comparison_training": "training",
}
"""Rules that run the script of another: all featurizers are embedded alike, what others read is exported by one script."""


def test_every_rule_calls_a_script_of_its_own_that_stays_thin(repository: Path) -> None:
    """A script bears the name of its rule, or of what rules share that differ by their screen, function or featurizers alone."""
    scripts = {path.stem for path in (repository / "workflow/scripts").glob("*.py")}
    called = set()
    for name, text in _rules(repository).items():
        if name not in GATHERING:
            script = re.findall(r'"(?:../)+workflow/scripts/(\w+)\.py"', text)[-1]
            named = "**calls(" in text
            assert named == (script in SERVING_MANY), name
            assert named or SHARING.get(name, name) == script or name.startswith(f"{script}_rxrx"), name
            called.add(script)
    assert scripts == called
    for path in (repository / "workflow/scripts").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path.name


def test_every_public_function_and_class_has_a_docstring(repository: Path) -> None:
    missing = []
    for path in (repository / "src/gandl").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), f"{path} has no docstring"
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node) and not _is_enum(node):
                missing.append(f"{path.name}: {node.name}")
    assert missing == []


def _is_enum(node: ast.AST) -> bool:
    """The members of an enum are its description."""
    return isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases
    )


def test_every_setting_is_read_somewhere(repository: Path) -> None:
    """A key that no code reads is a promise not kept: each is read as an attribute of settings, or named in a rule."""
    from gandl.config import Config
    from gandl.config.files import _keys

    read = set()
    for path in [*(repository / "src/gandl").rglob("*.py"), *(repository / "benchmarks").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if "config" in path.parts:
            read |= _read_by_properties(tree)
        else:
            read |= {
                node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_settings(node.value)
            }
    for path in (repository / "rules").rglob("*.smk"):
        dotted = re.findall(r"\bcfg((?:\.\w+)+)", path.read_text(encoding="utf-8"))
        read |= {part for name in dotted for part in name.split(".")}
    keys = {key.rsplit(".", 1)[-1] for key, *_ in _keys(Config, "")}
    assert (
        keys - read - {"mirror"} == set()
    )  # the mirror is read from Snakemake's own dictionary, so that it triggers nothing


def _read_by_properties(tree: ast.AST) -> set[str]:
    """What the properties of sections make other values of; checks of a section (validators) read nothing in this sense."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not any(isinstance(made, ast.Call) for made in node.decorator_list):
            found |= {
                inner.attr
                for inner in ast.walk(node)
                if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "self"
            }
    return found


def test_a_name_means_one_thing_in_all_rules(repository: Path) -> None:
    """Files of rules share their names: a second value changes what was written before it."""
    given: dict[str, list[str]] = {}
    for path in [repository / "Snakefile", *sorted((repository / "rules").rglob("*.smk"))]:
        for name in re.findall(
            r"^(?:def )?([A-Za-z_]\w*)(?= = | = \(|\()", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        ):
            given.setdefault(name, []).append(path.name)
    assert {name: files for name, files in given.items() if len(files) > 1} == {}


def _is_settings(node: ast.expr) -> bool:
    """Whether an expression is a section of the configuration, by its name."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value in ("settings", "figures")
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    sections = (
        "augmentation",
        "contrast",
        "engine",
        "sizes",
        "source",
        "images",
        "training",
        "network",
        "embeddings",
        "segmentation",
        "imagenet",
        "normalization",
        "evaluation",
        "figures",
        "section",
        "comparison",
        "recipe",
        "tiles",
        "tasks",
        "byol",
        "dino",
        "gandl",
        "head",
        "clustering",
        "similarity",
        "simulated",
        "grid",
    )
    return name.endswith(("settings", "config", "section")) or name in sections


def test_no_file_names_a_machine_or_a_workplace(repository: Path) -> None:
    """Paths of somebody's machine, registry hosts and the like never belong into the tree."""
    forbidden = re.compile(r"/(?:work|home|root|Users|opt)/[a-z]|pypi\.org|file:///", re.IGNORECASE)
    found = []
    for path in _texts(repository):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if forbidden.search(line) and path != Path(__file__).resolve():
                found.append(f"{path.name}:{number}: {line.strip()[:80]}")
    assert found == []


def _texts(repository: Path) -> list[Path]:
    """Every text file of the project."""
    folders = ("src", "rules", "workflow", "config", "resources", "docs", "tests", "benchmarks", "envs", "profiles")
    endings = {
        ".py",
        ".smk",
        ".md",
        ".rst",
        ".yaml",
        ".toml",
        ".lock",
        ".csv",
        ".cff",
        ".jinja",
        ".in",
        ".mplstyle",
        "",
    }
    paths = [path for path in repository.iterdir() if not path.name.startswith(".")]
    paths += [path for folder in folders for path in (repository / folder).rglob("*")]
    return [path for path in paths if path.is_file() and path.suffix in endings and "__pycache__" not in path.parts]


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


def test_every_table_of_resources_has_as_many_fields_as_columns(repository: Path) -> None:
    for path in (repository / "resources").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert {len(row) for row in rows} == {len(header)}, path.name


def _tracked(repository: Path) -> list[Path]:
    if not (repository / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    return [repository / name for name in listed.split("\0") if name]


def test_git_holds_no_data_no_results_and_nothing_large(repository: Path) -> None:
    for path in _tracked(repository):
        assert path.parts[len(repository.parts)] not in ("results", "<results>"), path
        assert path.suffix not in (".zip", ".zarr", ".parquet", ".safetensors", ".pt", ".BMP", ".npz"), path
        assert not path.exists() or path.stat().st_size < 2**20, path


def test_every_relative_link_of_a_page_leads_to_a_tracked_file(repository: Path) -> None:
    tracked = {path.resolve() for path in _tracked(repository)}
    for page in [path for path in tracked if path.suffix == ".md"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve() in tracked, f"{page.name} links to {target}"


def test_the_calls_of_the_notebook_page_fit_their_functions(repository: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (repository / "docs/training.md").read_text(encoding="utf-8"), re.S)
    tree = ast.parse(code)
    names = {
        alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    called = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and inspect.isfunction(names.get(node.func.id))
        ):
            arguments = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(names[node.func.id]).bind(*[None] * len(node.args), **arguments)
            called.add(node.func.id)
    assert {"train", "generate", "embed_store"} <= called
