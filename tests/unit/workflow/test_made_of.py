"""What a workflow is made of: files of a folder, the first lines of its rules' help, hashes of the code behind them."""

from pathlib import Path
from types import SimpleNamespace

from gandl.workflow.made_of import codes, page_files, purposes, workflow_files, workflow_sources


def test_files_are_those_of_the_folder_and_the_snakefile_comes_first(tmp_path: Path) -> None:
    wanted = ["rules/b.smk", "rules/a.smk", "workflow/scripts/z.py", "workflow/report/c.rst"]
    others = ["src/gandl/report/page.html.jinja", "src/gandl/explorer/static/main.js"]
    ignored = ["rules/notes.txt", "workflow/scripts/z.pyc", "src/gandl/code.py", "results/rules/a.smk"]
    for name in [*wanted, *others, *ignored]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert workflow_sources(tmp_path) == ["Snakefile", "rules/a.smk", "rules/b.smk", "workflow/scripts/z.py"]
    assert set(workflow_files(tmp_path)) == {"Snakefile", *wanted, *others}
    assert workflow_files(tmp_path)[0] == "Snakefile"
    assert page_files(tmp_path) == ["src/gandl/explorer/static/main.js"]


def rule(name: str, docstring: str | None, code: object = None) -> SimpleNamespace:
    params = {"code": code} if code is not None else {}
    return SimpleNamespace(name=name, docstring=docstring, params=params, wildcard_names={"dataset", "store"})


def test_a_rule_is_described_by_the_first_line_of_its_help() -> None:
    rules = [rule("one", " What it does.\n\nAnd more.\n"), rule("two", None)]
    assert purposes(rules) == {"one": "What it does.", "two": ""}


def test_rules_that_run_code_have_its_hash_and_one_per_screen_where_they_differ() -> None:
    rules = [rule("plain", "a"), rule("one", "b", "f00d"), rule("each", "c", lambda wildcards: wildcards.dataset[::-1])]
    assert codes(rules, {"setup": ["s"], "dataset": ["xy", "z"]}) == {"one": "f00d", "each": {"xy": "yx", "z": "z"}}
