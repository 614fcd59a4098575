"""What stands beside GAN-DL, from its training to every table and figure of the tiny simulated run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import FeaturizerName, ImageNetNetwork, floors_among
from gandl.embeddings.metadata import feature_names
from gandl.evaluation.terms import COMPARISONS
from gandl.figures.common.labels import featurizer_label, named_with
from gandl.models.folds.manifest import Folds
from gandl.tables import CURVE, LABELS, SITES, SPLITS, read_table
from tiny_project import TINY_SIMULATED, Project

RUN = "results/tiny"
FEATURIZERS = TINY_SIMULATED["embeddings"]["featurizers"]
FLOORS = floors_among(FEATURIZERS)
BASELINE, COLLAPSED, CONCATENATED = "densenet161_arcface", "imagenet_collapsed", "imagenet_concatenated"
QUESTIONS = {"controls": "rxrx19a", "cell_model": "rxrx19a", "cell_type": "rxrx1"}
AS_IN_THE_PAPER = ["quarter", "quarter_by_cell_type", "leave_experiment_out"]
"""Schemes for which `config/paper.yaml` trains ImageNet-collapsed."""


def of_columns(file: Path, *columns: str) -> set[str]:
    table = pd.read_csv(file)
    return set().union(*(table[column] for column in columns))


def test_the_run_has_all_that_the_paper_compares_and_two_floors() -> None:
    paper = {BASELINE, COLLAPSED, CONCATENATED, "conv_ae"}
    assert paper | {"gandl", "gandl_blocks"} == set(FEATURIZERS) - set(FLOORS)
    assert set(FLOORS) == {"cell_count", "cell_measurements"}
    assert set(FEATURIZERS) <= {name.value for name in FeaturizerName}


@pytest.mark.parametrize("screen", ["rxrx19a", "rxrx1"])
def test_every_featurizer_has_a_row_of_every_site(simulated: Project, screen: str) -> None:
    results = simulated.folder / RUN
    sites = read_table(results / f"source/{screen}/sites.parquet", SITES)
    for name in FEATURIZERS:
        folders = [name] if name != COLLAPSED else [f"{name}-{of}" for of, at in QUESTIONS.items() if at == screen]
        for folder in folders:
            tables = list((results / f"embeddings/{screen}/{folder}").glob("*.parquet"))
            assert {table.stem for table in tables} == set(sites["store_id"]), folder
            found = pd.concat([pd.read_parquet(table) for table in tables])
            if name == COLLAPSED:
                assert set(found["site_id"]) <= set(sites["site_id"])
            else:
                assert sorted(found["site_id"]) == sorted(sites["site_id"]), folder


def test_every_featurizer_is_scored_tabled_drawn_compared_and_audited(simulated: Project) -> None:
    results = simulated.folder / RUN
    for question in ("scores", "controls", "dose_response", "treatments", "screening", "layout", "calibration"):
        for name in FEATURIZERS:
            assert (results / f"evaluation/{question}/{name}.unlabelled.parquet").stat().st_size > 0
    for file in (
        "tables/table_1.csv",
        "tables/table_featurizers.csv",
        "figures/figure_featurizers.csv",
    ):
        assert set(FEATURIZERS) <= of_columns(results / file, "featurizer"), file
    matrices = [of_columns(results / f"figures/figure_{name}.csv", "featurizer") for name in ("5", "s_confusion")]
    assert matrices[0] == {"gandl", "imagenet_collapsed", "imagenet_concatenated", "conv_ae"}
    assert matrices[1] == set(FEATURIZERS) - matrices[0]
    numbers = pd.read_csv(results / "tables/table_1.csv")
    ours = numbers[numbers["source"] == "this run"]
    assert ours["value"].notna().all(), ours.loc[ours["value"].isna(), ["featurizer", "task", "unit", "reason"]]
    assert ours.groupby("featurizer").size().nunique() == 1
    compared = read_table(results / "evaluation/comparisons/floors.parquet", COMPARISONS)
    assert set(compared["featurizer"]) == set(FEATURIZERS) - set(FLOORS)
    assert set(compared["against"]) == {*FLOORS, "gandl"}
    pages = ("tables/table_1.html", "tables/table_featurizers.html", "report/audit.html")
    with named_with(ImageNetNetwork.EFFICIENTNET_LITE0):
        labels = [featurizer_label(name) for name in FEATURIZERS]
    assert "ImageNet-collapsed (EfficientNet-Lite0)" in labels
    for page in pages:
        text = (results / page).read_text(encoding="utf-8")
        assert not [label for label in labels if label not in text], page


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_a_model_of_every_fold_saw_none_of_the_wells_it_is_tested_on(simulated: Project, question: str) -> None:
    results = simulated.folder / RUN
    splits = read_table(results / f"source/{QUESTIONS[question]}/splits.parquet", SPLITS)
    sites = read_table(results / f"source/{QUESTIONS[question]}/sites.parquet", SITES).set_index("site_id")["well_id"]
    asked = splits[(splits["question"] == question) & ~splits["scheme"].isin(["probe", "cross_cell_type"])]
    folder = results / f"models/{COLLAPSED}-{question}"
    models = Folds.read(folder / "folds.json").folds
    assert {(fold.scheme, fold.fold) for fold in models} == set(zip(asked["scheme"], asked["fold"], strict=True))
    for fold in models:
        own = asked[(asked["scheme"] == fold.scheme) & (asked["fold"] == fold.fold)].groupby("part")["well_id"].agg(set)
        labels = read_table(folder / "work" / Path(fold.file).stem / "labels.parquet", LABELS)
        seen = set(sites.loc[labels["site_id"]])
        assert seen <= own["train"]
        assert not seen & own["test"]
        assert fold.images == 8


def test_the_baseline_learned_from_rxrx1_and_embeds_both_screens(simulated: Project) -> None:
    results = simulated.folder / RUN
    folder = results / f"models/{BASELINE}/seed_0"
    labels = read_table(folder / "labels.parquet", LABELS)
    sites = read_table(results / "source/rxrx1/sites.parquet", SITES).set_index("site_id")
    experiments = labels.assign(experiment=sites.loc[labels["site_id"], "experiment"].to_numpy()).groupby("part")
    found = experiments["experiment"].agg(set)
    assert not found["train"] & found["validation"], "whole experiments are held out"
    curve = read_table(folder / "curve.parquet", CURVE)
    assert {"loss_softmax", "loss_arcface", "accuracy", "accuracy_arcface"} <= set(curve["metric"])
    for screen in ("rxrx19a", "rxrx1"):
        table = next((results / f"embeddings/{screen}/{BASELINE}").glob("*.parquet"))
        assert len(feature_names(table)) == 8


def test_an_autoencoder_is_trained_beside_the_gan_embeds_both_screens_and_is_drawn(simulated: Project) -> None:
    results = simulated.folder / RUN
    assert "Reconstructed" in (results / "figures/figure_s_reconstructions.svg").read_text(encoding="utf-8")
    drawn = pd.read_csv(results / "figures/figure_s_reconstructions.csv")
    assert set(drawn["crops"]) == {"real", "reconstructed"}
    for screen in ("rxrx19a", "rxrx1"):
        table = next((results / f"embeddings/{screen}/conv_ae").glob("*.parquet"))
        assert feature_names(table) == [f"code_{i}" for i in range(12)]
    curve = read_table(results / "models/conv_ae/seed_0/curve.parquet", CURVE)
    assert {"loss_reconstruction", "loss_perceptual", "quality"} <= set(curve["metric"])


def test_the_trainings_of_all_counterparts_are_drawn_with_the_weights_that_embed(simulated: Project) -> None:
    results = simulated.folder / RUN
    drawn = pd.read_csv(results / "figures/figure_s_counterparts.csv")
    assert set(drawn["counterpart"]) == {BASELINE, "conv_ae", COLLAPSED}
    for name, images in ((BASELINE, 32), ("conv_ae", 64), (COLLAPSED, 8)):
        mine = drawn[drawn["counterpart"] == name]
        assert mine.loc[mine["kept"], "images_shown"].unique().tolist() == [images]
    for question in QUESTIONS:
        folds = Folds.read(results / f"models/{COLLAPSED}-{question}/folds.json").folds
        lines = drawn.loc[drawn["question"] == question, ["scheme", "fold"]].astype(str).drop_duplicates()
        assert len(lines) == len(folds)


def test_reconstructions_are_refused_where_no_autoencoder_is_asked_for(simulated: Project) -> None:
    simulated.configure({"embeddings": {"featurizers": ["gandl_blocks", "cell_count"]}})
    try:
        refused = simulated.run("figure_s_reconstructions", "--dry-run")
    finally:
        simulated.configure({})
    assert refused.returncode != 0
    assert "figure_s_reconstructions does not apply to the run tiny" in refused.stdout + refused.stderr
    assert "it needs conv_ae among embeddings.featurizers" in refused.stdout + refused.stderr


def test_where_folds_of_whole_plates_are_not_trained_the_tables_say_so(simulated: Project, tmp_path: Path) -> None:
    """In a copy of the finished run, with the schemes of the paper's preset and one floor beside the network of folds."""
    copy = Project(tmp_path / "copy", None, simulated.preset, simulated.tiny)
    shutil.copytree(simulated.folder, copy.folder, symlinks=True)
    copy.configure(
        {
            "counterparts": {"collapsed": {"schemes": AS_IN_THE_PAPER}},
            "embeddings": {"featurizers": [COLLAPSED, "cell_count"]},
            "evaluation": {"questions": ["controls"]},
        }
    )
    results = copy.folder / RUN
    weights = next((results / f"models/{COLLAPSED}-controls").glob("quarter-*.safetensors"))
    before = weights.read_bytes()
    done = copy.run("table_1", "table_featurizers", "figure_featurizers")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    folds = json.loads((results / f"models/{COLLAPSED}-controls/folds.json").read_text(encoding="utf-8"))["folds"]
    assert {fold["scheme"] for fold in folds} == set(AS_IN_THE_PAPER)
    assert weights.read_bytes() == before, "folds that were trained before are kept"
    numbers = pd.read_parquet(results / f"evaluation/controls/{COLLAPSED}.unlabelled.parquet")
    assert set(numbers["split"].str.partition(":")[0]) == set(AS_IN_THE_PAPER)
    for name, tables in (("table_1", "tables"), ("table_featurizers", "tables"), ("figure_featurizers", "figures")):
        assert {COLLAPSED, "cell_count"} <= of_columns(results / tables / f"{name}.csv", "featurizer"), name
    listed = pd.read_csv(results / "tables/table_1.csv")
    ours = listed[(listed["featurizer"] == COLLAPSED) & (listed["source"] == "this run")]
    assert ours.loc[ours["question"] == "controls", "value"].notna().all()
