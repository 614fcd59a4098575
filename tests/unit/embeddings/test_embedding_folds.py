"""Tables of folds, from the models to scores: every row against a naive loop, and no fold sees another one's features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fold_inputs import PLATES, SCHEME, Screen
from gandl.config import Dataset, EmbeddingsSettings, EvaluationSettings, Normalization
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.imagenet.folds import embed_folds
from gandl.embeddings.metadata import feature_metadata, write_features
from gandl.evaluation.scores import ScoresError, write_scores
from gandl.evaluation.strict.refits import REFITS
from gandl.images.store_reader import ImageStore
from gandl.models.folds.loading import load_folds
from gandl.models.networks.imagenet.pretrained import load_pretrained
from gandl.normalization.folds import write_fold_profiles
from gandl.normalization.profiles import NormalizationError
from gandl.tables import (
    FOLD_EMBEDDINGS,
    FOLD_WELL_PROFILES,
    SITES,
    SPLITS,
    WELL_SCORES,
    feature_columns,
    read_table,
    write_table,
)
from imagenet_files import other_lite0_file
from model_inputs import write_store

EMBEDDINGS = EmbeddingsSettings(resolutions={Dataset.RXRX19A: 32})
EVALUATION = EvaluationSettings(svm_c=[1.0])


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    found = Screen(tmp_path_factory.mktemp("screen"))
    found.train()
    return found


def embed(screen: Screen, folder: Path, splits: Path | None = None) -> list[Path]:
    outputs = [folder / f"{store.stem}.parquet" for store in screen.stores]
    for store, output in zip(screen.stores, outputs, strict=True):
        given = screen.manifest, screen.sites, splits or screen.splits
        embed_folds(store, *given, output, EMBEDDINGS, Dataset.RXRX19A)
    return outputs


@pytest.fixture(scope="module")
def embedded(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return embed(screen, tmp_path_factory.mktemp("embeddings"))


def test_every_row_is_that_of_a_naive_loop_over_folds_and_sites(screen: Screen, embedded: list[Path]) -> None:
    backbone = load_pretrained(EMBEDDINGS.imagenet.network)
    for store, path in zip(screen.stores, embedded, strict=True):
        table = read_table(path, FOLD_EMBEDDINGS).set_index(["scheme", "fold", "site_id"])
        images = ImageStore(store)
        assert len(table) == 2 * len(images)
        for (scheme, fold), model in load_folds(screen.manifest).items():
            for number, site in enumerate(images.site_ids):
                with torch.no_grad():
                    seen = model.scale.apply(images.sites([number], 32))
                    weight, bias = model.collapsed_ema.collapse.weight[:, :, 0, 0], model.collapsed_ema.collapse.bias
                    mixed = torch.einsum("dc,ncyx->ndyx", weight, seen) + bias[:, None, None]  # type: ignore[index]
                    expected = backbone.features(1 / (1 + torch.exp(-2 * mixed)))[0].numpy()
                assert np.allclose(table.loc[(scheme, fold, site)], expected, rtol=1e-4, atol=1e-5)


def test_profiles_are_standardised_within_every_fold_and_plate(
    screen: Screen, embedded: list[Path], tmp_path: Path
) -> None:
    sites_out, wells_out = tmp_path / "sites.parquet", tmp_path / "wells.parquet"
    write_fold_profiles(embedded, screen.sites, Normalization.NEGATIVE, sites_out, wells_out)
    table = pd.concat([read_table(path, FOLD_EMBEDDINGS) for path in embedded]).merge(
        read_table(screen.sites, SITES), on="site_id"
    )
    found = read_table(wells_out, FOLD_WELL_PROFILES).set_index(["scheme", "fold", "well_id"])
    names = feature_columns(table)[:7]
    for (scheme, fold, _), rows in table.groupby(["scheme", "fold", "plate_id"]):
        values = rows[names].to_numpy(np.float64)
        reference = values[(rows["control"] == "negative").to_numpy()]
        deviation = reference.std(axis=0, ddof=1)
        expected = np.where(deviation > 0, (values - reference.mean(axis=0)) / np.where(deviation > 0, deviation, 1), 0)
        for well, vector in zip(rows["well_id"], expected, strict=True):
            assert np.allclose(found.loc[(scheme, fold, well), names].to_numpy(float), vector, rtol=1e-3, atol=1e-3)
    half = tmp_path / "half.parquet"
    part = read_table(embedded[0], FOLD_EMBEDDINGS)
    write_like(part[part["site_id"] != part["site_id"].iloc[0]], embedded[0], half)
    with pytest.raises(NormalizationError, match=r"7 sites of plate HRCE-1_1 are embedded, not all 8"):
        write_fold_profiles([half, embedded[1]], screen.sites, Normalization.NEGATIVE, sites_out, wells_out)


def write_like(table: pd.DataFrame, like: Path, output: Path) -> None:
    """A table with what another one says of its features."""
    write_features(table, output, FOLD_EMBEDDINGS, feature_metadata(like))


def test_a_fold_is_scored_by_its_own_models_features(screen: Screen, embedded: list[Path], tmp_path: Path) -> None:
    """One fold's features point where the other's point away from: axes of one and rows of the other would be wrong."""
    sites = read_table(screen.sites, SITES)
    sign = sites.set_index("site_id")["control"].map({"positive": 1.0, "negative": -1.0})
    rng = np.random.default_rng(0)
    planted = []
    for path in embedded:
        table = read_table(path, FOLD_EMBEDDINGS)
        names = feature_columns(table)
        table[names] = rng.normal(0, 0.1, (len(table), len(names))).astype(np.float32)
        own = np.where(table["fold"] == PLATES[0], 1.0, -1.0)
        noise = rng.normal(0, 0.5, len(table))
        table["feature_0"] = (own * 20 * table["site_id"].map(sign) + noise).astype(np.float32)
        output = tmp_path / path.name
        write_like(table, path, output)
        planted.append(output)
    wells, of_sites = tmp_path / "wells.parquet", tmp_path / "sites.parquet"
    write_fold_profiles(planted, screen.sites, Normalization.NONE, of_sites, wells)
    for normalization in (Normalization.NONE, Normalization.NEGATIVE_CROSSFIT):
        scores = tmp_path / "scores.parquet"
        refits = tmp_path / "refits.parquet"
        outputs = scores, tmp_path / "images.parquet", normalization.value, refits
        write_scores(wells, of_sites, screen.splits, EVALUATION, *outputs)
        found = read_table(scores, WELL_SCORES)
        assert len(found) == 16
        refitted = read_table(refits, REFITS)
        about = found.set_index("well_id").loc[refitted["well_id"]]
        refitted = refitted.assign(control=about["control"].to_numpy(), fold=about["fold"].to_numpy()).dropna()
        assert len(refitted) > 16
        for _, of_group in refitted.groupby(["left_out", "fold"]):
            positive = of_group["control"] == "positive"
            assert not of_group.loc[positive, "on"].min() <= of_group.loc[~positive, "on"].max()
        for _, of_fold in found.groupby("fold"):
            positive = of_fold["control"] == "positive"
            assert of_fold.loc[positive, "on"].min() > of_fold.loc[~positive, "on"].max()
        assert (found["fold"] == found["plate_id"]).all()


def test_schemes_without_models_are_left_out_and_images_are_those_of_the_fold(
    screen: Screen, embedded: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wells, of_sites = tmp_path / "wells.parquet", tmp_path / "sites.parquet"
    write_fold_profiles(embedded, screen.sites, Normalization.NONE, of_sites, wells)
    splits = read_table(screen.splits, SPLITS)
    more = splits[splits["fold"] == PLATES[0]].assign(scheme="quarter", fold="all")
    write_table(pd.concat([splits, more]), tmp_path / "splits.parquet", SPLITS)
    given = EVALUATION, tmp_path / "scores.parquet", tmp_path / "images.parquet"
    with caplog.at_level("INFO", "gandl"):
        write_scores(wells, of_sites, tmp_path / "splits.parquet", *given)
    assert "quarter is left out: no model was trained for its folds" in caplog.text
    assert set(read_table(tmp_path / "scores.parquet", WELL_SCORES)["scheme"]) == {SCHEME}
    write_table(more, tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(ScoresError, match="has profiles of none of the schemes in which"):
        write_scores(wells, of_sites, tmp_path / "splits.parquet", *given)


def test_splits_of_another_run_are_refused(screen: Screen, tmp_path: Path) -> None:
    splits = read_table(screen.splits, SPLITS)
    write_table(splits[splits["fold"] == PLATES[0]], tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(
        EmbeddingError, match=f"has no controls, {SCHEME}, fold {PLATES[1]}, for which a model was trained"
    ):
        embed(screen, tmp_path, tmp_path / "splits.parquet")


def test_models_that_were_trained_before_other_weights_of_the_network_are_refused(
    screen: Screen, tmp_path: Path
) -> None:
    other = other_lite0_file(tmp_path / "other.pth")
    given = screen.stores[0], screen.manifest, screen.sites, screen.splits, tmp_path / "a.parquet", EMBEDDINGS
    with pytest.raises(
        EmbeddingError,
        match=r"folds\.json were trained before other ImageNet weights of efficientnet_lite0 than those given \(.*other\.pth\): "
        "train them again",
    ):
        embed_folds(*given, Dataset.RXRX19A, pretrained=other)
    assert not (tmp_path / "a.parquet").exists()


def test_images_of_other_channels_are_refused_with_both_lists(screen: Screen, tmp_path: Path) -> None:
    other = write_store(tmp_path, name=PLATES[0], sites=8, channels=("gfp", "rfp"))
    given = screen.manifest, screen.sites, screen.splits, tmp_path / "out.parquet"
    with pytest.raises(
        EmbeddingError,
        match=r"holds the channels gfp, rfp, but .*imagenet_collapsed was made for gfp, dna; missing: dna; left over: rfp",
    ):
        embed_folds(other, *given, EMBEDDINGS, Dataset.RXRX19A)
    assert not (tmp_path / "out.parquet").exists()
