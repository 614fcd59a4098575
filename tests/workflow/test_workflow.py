"""The workflow as a whole: it runs, it runs once, and a change redoes what depends on it and nothing else."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pandas as pd

from gandl.report.made.sections import BEYOND
from gandl.tables import NUMBERS, read_table
from gandl.workflow.code_version import code_version
from tiny_project import TINY, Project

FIGURES = {
    "figure_1",
    "figure_samples",
    "figure_axes",
    "figure_dose_response",
    "figure_plate",
    "figure_training",
    "figure_s_training",
    "figure_featurizers",
    "figure_treatments",
    "figure_s_layout",
    "table_featurizers",
    "table_treatments",
    "table_s_strict",
    "compounds",
}
REPORT = {"provenance", "audit"}
EVALUATION = {"scores", "controls", "comparisons", "dose_response", "treatments", "screening", "layout"}
OF_EVALUATION = FIGURES - {"figure_1", "figure_samples", "figure_training", "figure_s_training"} | {"explorer"}
"""Figures, tables and the page drawn from numbers; the others are drawn from images or from the model."""
OF_EVALUATION_OF_DOSES = {"figure_dose_response", "compounds", "explorer"}


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """A file with one text replaced, put back afterwards with its old time."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


@contextmanager
def configured(project: Project, changes: dict[str, object]) -> Iterator[None]:
    project.configure(changes)
    try:
        yield
    finally:
        project.configure({})


def test_one_figure_makes_just_what_it_needs(project: Project) -> None:
    planned = project.planned("figure_plate", "--forceall")
    assert set(planned) == {
        "download", "sites", "splits", "images", "training", "embeddings", "normalization", "scores", "figure_plate",
    }  # fmt: skip
    assert planned["scores"] == 1
    assert "training" not in project.planned("--forceall", "--until", "floors")


def test_the_whole_run_makes_every_figure_table_and_page(finished: Project) -> None:
    results = finished.folder / "results/tiny"
    for figure in {name for name in FIGURES if name.startswith("figure")}:
        for ending in ("svg", "png", "csv"):
            assert (results / f"figures/{figure}.{ending}").stat().st_size > 0
    for featurizer, method in product(("gandl_blocks", "segmentation"), ("unlabelled", "none")):
        for ending in ("parquet", "csv.gz"):
            assert (results / f"normalization/bbbc013/{featurizer}.{method}.profiles.{ending}").stat().st_size > 0
    tables = [f"tables/table_{name}.{ending}" for name in ("featurizers", "treatments") for ending in ("html", "csv")]
    for file in (
        *tables,
        "tables/table_treatments_wells.csv",
        *(f"tables/table_s_strict.{ending}" for ending in ("html", "csv")),
        *(f"tables/compounds.{ending}" for ending in ("html", "csv", "parquet")),
        "report/audit.csv",
        "report/audit.html",
        "report/beside_paper.json",
        "report/landing.rst",
        "report/explorer.html",
        "report/explorer/thumbnails.json",
        "report/provenance.json",
        "report/summary.txt",
        "ro-crate-metadata.json",
    ):
        assert (results / file).stat().st_size > 0


def test_numbers_of_the_run_carry_unit_n_and_interval(finished: Project) -> None:
    for path in (finished.folder / "results/tiny/evaluation/controls").glob("*.parquet"):
        numbers = read_table(path, NUMBERS)
        assert set(numbers["unit"]) == {"well"}
        assert (numbers["n"] > 0).all()
        z_prime = numbers[numbers["metric"] == "z_prime"]
        assert len(z_prime)
        assert z_prime[["value", "low", "high"]].notna().all(axis=None)
        assert (z_prime["low"] <= z_prime["value"]).all()
        assert (z_prime["value"] <= z_prime["high"]).all()


def test_the_provenance_holds_every_job_and_the_code_of_its_rule(finished: Project) -> None:
    results = finished.folder / "results/tiny"
    provenance = json.loads((results / "report/provenance.json").read_text(encoding="utf-8"))
    made = {file.relative_to(results / "benchmarks") for file in (results / "benchmarks").rglob("*.jsonl")}
    made = {file.with_suffix("").as_posix() for file in made} - {f"report/{name}" for name in REPORT}
    assert {f"{job['stage']}/{job['job']}" for job in provenance["jobs"]} == made
    code = provenance["code"]
    assert {job["rule"] for job in provenance["jobs"]} <= set(code) | {"download"}
    assert code["embeddings"] == code_version("gandl.embeddings.embed", "gandl.embeddings.network")
    assert code["images"] == {"bbbc013": code_version("gandl.images.screens.bbbc013")}
    assert {"provenance", "audit", "figure_plate", "controls"} <= set(code)


def test_a_change_that_remakes_a_page_alone_leaves_no_stale_hash(finished: Project) -> None:
    path = finished.folder / "src/gandl/report/made/costs.py"
    before = path.read_text(encoding="utf-8")
    with changed(path, before, before + "\nCHANGED = 1\n"):
        assert set(finished.planned()) == REPORT
    with changed(finished.folder / "workflow/report/plate.rst", "The plate, coloured", "The plate, painted"):
        assert set(finished.planned()) >= REPORT


def test_a_second_run_finds_nothing_to_do(finished: Project) -> None:
    assert finished.planned() == {}


def test_another_mirror_redoes_nothing(finished: Project) -> None:
    result = finished.snakemake(
        "--cores", "1", "--configfile", "config/tiny.yaml", "--config", "mirror=elsewhere", "--dry-run"
    )
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_changed_setting_of_the_figures_redraws_figures_only(finished: Project) -> None:
    with configured(finished, {"figures": {"dpi": 61}}):
        assert set(finished.planned()) == FIGURES | REPORT


def test_a_changed_training_setting_retrains(finished: Project) -> None:
    with configured(finished, {"training": {"learning_rate": 0.0005}}):
        planned = set(finished.planned())
    assert {"training", "embeddings"} <= planned
    assert not planned & {"download", "sites", "splits", "images", "floors"}


def test_a_changed_docstring_or_comment_redoes_nothing(finished: Project) -> None:
    path = finished.folder / "src/gandl/normalization/profiles.py"
    first = path.read_text(encoding="utf-8").split('"""')[1]
    with changed(path, f'"""{first}"""', '"""Another text."""  # and a comment'):
        assert finished.planned() == {}


def test_a_changed_module_redoes_its_stage_and_what_follows(finished: Project) -> None:
    path = finished.folder / "src/gandl/normalization/profiles.py"
    before = path.read_text(encoding="utf-8")
    with changed(path, before, before + "\nCHANGED = 1\n"):
        planned = finished.planned()
    assert set(planned) == {"normalization", "profiles"} | EVALUATION | OF_EVALUATION | REPORT


def test_a_changed_constant_of_the_segmentation_embeds_with_no_network_again(finished: Project) -> None:
    path = finished.folder / "src/gandl/embeddings/cells/segmentation.py"
    with changed(path, "NO_RATIO = 1.0", "NO_RATIO = 2.0"):
        planned = finished.planned()
    of_network = {"figure_axes", "figure_plate", "figure_treatments", "figure_s_layout"}
    drawn = OF_EVALUATION - of_network
    assert set(planned) == {"floors", "normalization", "profiles"} | EVALUATION | drawn | REPORT
    assert planned["normalization"] == len(TINY["normalization"]["methods"])  # of the one featurizer


def test_a_changed_module_of_the_statistics_retrains_nothing(finished: Project) -> None:
    path = finished.folder / "src/gandl/statistics/hill.py"
    before = path.read_text(encoding="utf-8")
    with changed(path, before, before + "\nCHANGED = 1\n"):
        planned = set(finished.planned())
    assert planned == {"dose_response", "screening"} | OF_EVALUATION_OF_DOSES | REPORT


def test_a_changed_setting_of_the_evaluation_embeds_nothing_again(finished: Project) -> None:
    with configured(finished, {"evaluation": {"bootstrap": 51}}):
        planned = set(finished.planned())
    of_intervals = {"controls", "comparisons", "dose_response", "treatments", "screening", "layout"}
    drawn = OF_EVALUATION - {"figure_axes", "figure_plate"}
    assert planned == of_intervals | drawn | REPORT


def test_another_row_in_the_table_of_data_sets_downloads_nothing_again(finished: Project) -> None:
    path = finished.folder / "resources/datasets.csv"
    before = path.read_text(encoding="utf-8")
    row = "another,a.zip,https://example.org/a.zip,,,CC0,nobody\n"
    with changed(path, before, before.rstrip("\n") + "\n" + row):
        assert not set(finished.planned()) - REPORT


def test_a_configuration_with_mistakes_is_refused_without_a_traceback(project: Project) -> None:
    started = project.snakemake("--cores", "1", "--dry-run", "--config", "run=x", "figurs=3")
    reported = started.stdout + started.stderr
    assert started.returncode != 0
    assert "figurs: unknown key" in reported
    assert "Traceback" not in reported


def test_the_report_opens_without_any_external_request(finished: Project) -> None:
    result = finished.run("--report", "report.zip")
    assert result.returncode == 0, result.stderr
    loaded = re.compile(rb"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']https?://""")
    with zipfile.ZipFile(finished.folder / "report.zip") as archive:
        pages = [name for name in archive.namelist() if name.endswith(".html")]
        assert any(name.endswith("report.html") for name in pages)
        for name in pages:
            assert not loaded.search(archive.read(name)), name
        everything = b"".join(archive.read(name) for name in archive.namelist())
        for words in (b"What it cost, by rule", b"Beside the paper", b"Not in the paper", BEYOND.encode()):
            assert words in everything
        drawn = [name for name in archive.namelist() if name.endswith(".svg")]
    assert len(drawn) == sum(name.startswith("figure") for name in FIGURES)


def test_a_killed_workflow_goes_on_where_it_was(project: Project, tmp_path: Path) -> None:
    """Snakemake and its jobs are killed in the middle; run again, it finishes, and what was finished is not made again."""
    project.configure({"run": "killed", "training": {"probe": False}})
    try:
        target = "results/killed/embeddings/bbbc013/gandl_blocks/BBBC013_1.parquet"
        weights = project.folder / "results/killed/models/gandl/seed_0/weights.safetensors"
        manifest = project.folder / "results/killed/images/bbbc013/BBBC013_1.manifest.json"
        training_log = project.folder / "results/killed/logs/models/gandl_seed_0.log"
        project.kill_when(training_log.exists, target)
        stamp = manifest.stat().st_mtime_ns
        assert not weights.exists()
        project.snakemake("--unlock", "--configfile", "config/tiny.yaml")
        result = project.run(target)
        assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
        assert (project.folder / target).exists()
        assert manifest.stat().st_mtime_ns == stamp
    finally:
        project.configure({})


def test_a_failed_job_leaves_nothing_that_looks_finished(finished: Project) -> None:
    """A job that dies leaves neither its output nor a half-written file under its name; what was made before stays."""
    path = finished.folder / "src/gandl/normalization/profiles.py"
    before = path.read_text(encoding="utf-8")
    broken = finished.folder / "results/broken"
    target = "results/broken/normalization/bbbc013/segmentation.none.wells.parquet"
    with (
        configured(finished, {"run": "broken", "training": {"probe": False}}),
        changed(path, before, before + "\nraise ValueError\n"),
    ):
        result = finished.run(target)
    assert result.returncode != 0
    assert not list(broken.glob("normalization/**/*.parquet"))
    assert (broken / "source/bbbc013/sites.parquet").exists()
    assert (broken / "embeddings/bbbc013/segmentation/BBBC013_1.parquet").exists()


def test_tables_of_the_figures_hold_what_was_evaluated(finished: Project) -> None:
    drawn = pd.read_csv(finished.folder / "results/tiny/figures/figure_plate.csv")
    scores = pd.read_parquet(finished.folder / "results/tiny/evaluation/scores/gandl_blocks.unlabelled.parquet")
    scores = scores[scores["scheme"] == "leave_row_out"].set_index("well")["on"]
    assert len(drawn) == 96
    pd.testing.assert_series_equal(
        drawn.set_index("well")["on"].sort_index(), scores.sort_index(), check_names=False, rtol=1e-6
    )


def test_the_snakefile_imports_no_torch(project: Project, tmp_path: Path) -> None:
    """With a torch first on the path that refuses to be imported, the rules can still be listed."""
    (tmp_path / "torch.py").write_text("raise RuntimeError('torch was imported')\n")
    result = project.snakemake("--list-rules", "--configfile", "config/tiny.yaml", path=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "figure_plate" in result.stdout


def test_the_linter_is_silent(project: Project) -> None:
    result = project.snakemake("--lint")
    assert result.returncode == 0, result.stderr
