"""Fitted normalisations: what each later method promises, kept in a file, and applied to rows that were not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import median_abs_deviation

from evaluation_inputs import write_embeddings
from gandl.config import Batch, Normalization, NormalizationSettings, Reference
from gandl.embeddings.metadata import write_features
from gandl.normalization.fitted import Fitted, read_fitted, write_fitted
from gandl.normalization.folds import write_fold_profiles
from gandl.normalization.profiles import DEFAULTS, NormalizationError, fitted_on, normalized, write_profiles
from gandl.tables import FOLD_EMBEDDINGS, FOLD_WELL_PROFILES, SITES, WELL_PROFILES, TableError, read_table, write_table
from pair_inputs import DIM, features as pair_features, infected_sites

MAD, GLOBAL, SPHERIZE, TVN = (
    Normalization.MAD,
    Normalization.GLOBAL,
    Normalization.SPHERIZE,
    Normalization.TVN,
)
EXACT = NormalizationSettings(regularization=0.0)
NAMES = [f"feature_{i}" for i in range(DIM)]


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    """Five plates in three experiments, two sites per well."""
    return infected_sites({"HRCE-1": 3, "VERO-1": 2})


@pytest.fixture(scope="module")
def values(sites: pd.DataFrame) -> np.ndarray:
    return pair_features(sites).astype(np.float32).astype(float)


def wells(sites: pd.DataFrame, values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(m, d) means over the sites of each chosen well."""
    return pd.DataFrame(values[chosen]).groupby(sites["well_id"][chosen].to_numpy()).mean().to_numpy()


def unlabelled(sites: pd.DataFrame) -> np.ndarray:
    return (sites["control"] == "none").to_numpy()


def test_mad_gives_each_plate_median_0_and_median_absolute_deviation_1(sites: pd.DataFrame, values: np.ndarray) -> None:
    out = normalized(values, sites, MAD)
    for plate in sites["plate_id"].unique():
        here = (sites["plate_id"] == plate).to_numpy()
        reference = wells(sites, values, here & unlabelled(sites))
        median, mad = np.median(reference, axis=0), median_abs_deviation(reference, axis=0, scale=1 / 1.4826)
        np.testing.assert_allclose(out[here], (values[here] - median) / mad, rtol=1e-5, atol=1e-5)


def test_mad_hardly_sees_a_wild_well(sites: pd.DataFrame, values: np.ndarray) -> None:
    wild, well = values.copy(), np.flatnonzero(unlabelled(sites))[0]
    wild[well] += 1e6
    plate = (sites["plate_id"] == sites["plate_id"].iloc[well]).to_numpy() & ~unlabelled(sites)
    for method, follows in ((MAD, False), (Normalization.UNLABELLED, True)):
        before, after = normalized(values, sites, method)[plate], normalized(wild, sites, method)[plate]
        assert (np.median(after.std(axis=0) / before.std(axis=0)) < 0.1) == follows


def test_global_gives_the_unlabelled_wells_of_the_screen_mean_0_and_deviation_1(
    sites: pd.DataFrame, values: np.ndarray
) -> None:
    out = wells(sites, normalized(values, sites, GLOBAL), unlabelled(sites))
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(out.std(axis=0, ddof=1), 1)


def test_spherize_whitens_the_unlabelled_wells_of_the_screen(sites: pd.DataFrame, values: np.ndarray) -> None:
    out = wells(sites, normalized(values, sites, SPHERIZE, EXACT), unlabelled(sites))
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(np.cov(out, rowvar=False), np.eye(DIM), atol=1e-7)


@pytest.mark.parametrize("batch", list(Batch))
def test_tvn_gives_the_reference_wells_of_each_batch_mean_0_and_the_pooled_covariance(
    sites: pd.DataFrame, values: np.ndarray, batch: Batch
) -> None:
    settings = NormalizationSettings(regularization=0.0, batch=batch)
    fitted = fitted_on(values, sites, TVN, settings)
    assert fitted.whitening is not None
    column = "plate_id" if batch is Batch.PLATE else "experiment"
    reference = unlabelled(sites)
    whitened = fitted.whitening.apply(fitted.units["screen"].apply(wells(sites, values, reference)))
    np.testing.assert_allclose(np.cov(whitened, rowvar=False), np.eye(DIM), atol=1e-7)
    names = sites[reference].drop_duplicates("well_id").set_index("well_id")[column].sort_index().to_numpy()
    rest = len(names) - len(set(names))
    pooled = (
        sum(np.cov(whitened[names == name], rowvar=False) * ((names == name).sum() - 1) for name in set(names)) / rest
    )
    out = wells(sites, fitted.apply(values, sites), reference)
    for name in set(names):
        np.testing.assert_allclose(out[names == name].mean(axis=0), 0, atol=1e-7)
        np.testing.assert_allclose(np.cov(out[names == name], rowvar=False), pooled, atol=1e-6)


def test_tvn_aligns_regularised_covariances_and_removes_a_batchs_shift(sites: pd.DataFrame, values: np.ndarray) -> None:
    shifted = values + 5.0 * sites["plate"].to_numpy()[:, None]
    out = normalized(shifted, sites, TVN)
    means = [
        wells(sites, out, (sites["plate_id"] == plate).to_numpy() & unlabelled(sites)).mean(axis=0)
        for plate in sites["plate_id"].unique()
    ]
    np.testing.assert_allclose(means, 0, atol=1e-8)


@pytest.mark.parametrize("method", [MAD, GLOBAL, SPHERIZE, TVN])
def test_no_control_decides_what_is_fitted_unless_it_is_requested(
    sites: pd.DataFrame, values: np.ndarray, method: Normalization
) -> None:
    control = ~unlabelled(sites)
    changed = values.copy()
    changed[control] *= 3
    before, after = normalized(values, sites, method), normalized(changed, sites, method)
    np.testing.assert_array_equal(before[~control], after[~control])
    for reference, column, kind in ((Reference.NEGATIVE, "control", "negative"), (Reference.MOCK, "condition", "mock")):
        fitted = fitted_on(values, sites, method, NormalizationSettings(reference=reference))
        assert set(fitted.wells) == set(sites.loc[sites[column] == kind, "well_id"])


@pytest.mark.parametrize("method", list(Normalization))
def test_a_fitted_normalisation_is_read_again_and_gives_the_same_profiles_row_by_row(
    sites: pd.DataFrame, values: np.ndarray, method: Normalization, tmp_path: Path
) -> None:
    fitted = fitted_on(values, sites, method)
    write_fitted({"": fitted}, tmp_path / "a.safetensors")
    write_fitted({"": fitted_on(values, sites, method)}, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    (again,) = read_fitted(tmp_path / "a.safetensors").values()
    expected = fitted.apply(values, sites)
    np.testing.assert_array_equal(again.apply(values, sites), expected)
    assert (again.method, again.wells) == (method, fitted.wells)
    order = np.random.default_rng(0).permutation(len(sites))[:37]
    np.testing.assert_allclose(again.apply(values[order], sites.iloc[order]), expected[order], rtol=1e-9, atol=1e-9)
    assert again.about == {**DEFAULTS.of(method)}


@pytest.mark.parametrize("method", list(Normalization))
def test_the_order_of_rows_decides_nothing(sites: pd.DataFrame, values: np.ndarray, method: Normalization) -> None:
    order = np.random.default_rng(1).permutation(len(sites))
    shuffled = normalized(values[order], sites.iloc[order].reset_index(drop=True), method)
    np.testing.assert_allclose(shuffled, normalized(values, sites, method)[order], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", [MAD, GLOBAL, SPHERIZE, TVN])
def test_constant_features_become_0_and_nothing_else_is_lost(
    sites: pd.DataFrame, values: np.ndarray, method: Normalization
) -> None:
    flat = values.copy()
    flat[:, 3] = 0.1
    out = normalized(flat, sites, method)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[:, 3], 0, atol=1e-9)
    np.testing.assert_array_equal(normalized(np.full_like(values, 7.0), sites, method), 0)


def test_too_few_reference_wells_name_the_plate_the_experiment_or_the_screen(
    sites: pd.DataFrame, values: np.ndarray
) -> None:
    gone = sites["plate_id"] == "VERO-1_2"
    few = sites.assign(control=sites["control"].where(~gone, "negative"))
    for method in (MAD, TVN):
        with pytest.raises(
            NormalizationError, match=rf"^plate VERO-1_2 has 0 reference wells for .*'{method}'; at least 3"
        ):
            normalized(values, few, method)
    for method in (GLOBAL, SPHERIZE):
        assert np.isfinite(normalized(values, few, method)).all(), "the screen has enough"
    experiments = NormalizationSettings(batch=Batch.EXPERIMENT)
    few = sites.assign(control=sites["control"].where(sites["experiment"] != "VERO-1", "negative"))
    with pytest.raises(NormalizationError, match=r"^experiment VERO-1 has 0 reference wells for .*'tvn'"):
        normalized(values, few, TVN, experiments)
    with pytest.raises(NormalizationError, match=r"^the screen has 0 reference wells for .*'spherize'"):
        normalized(values, sites.assign(control="negative"), SPHERIZE)


def test_tvn_without_regularization_names_a_plate_that_does_not_vary_enough(
    sites: pd.DataFrame, values: np.ndarray
) -> None:
    here = (sites["plate_id"] == "HRCE-1_2").to_numpy()
    kept = sites.loc[here & unlabelled(sites), "well_id"].unique()[:5]
    few = sites.assign(control=sites["control"].where(~here | sites["well_id"].isin(kept), "negative"))
    with pytest.raises(
        NormalizationError, match=r"plate HRCE-1_2 has 5 reference wells, .*set normalization.regularization"
    ):
        normalized(values, few, TVN, EXACT)
    assert np.isfinite(normalized(values, few, TVN)).all()


def test_a_plate_or_a_width_that_was_not_there_is_refused(sites: pd.DataFrame, values: np.ndarray) -> None:
    known = (sites["plate_id"] != "VERO-1_2").to_numpy()
    for method in (MAD, TVN):
        fitted = fitted_on(values[known], sites[known], method)
        with pytest.raises(
            NormalizationError, match=f"plate VERO-1_2 is not among those on which .*'{method}' was fitted"
        ):
            fitted.apply(values, sites)
    fitted = fitted_on(values[known], sites[known], GLOBAL)
    assert np.isfinite(fitted.apply(values, sites)).all(), "a further plate is in the units of the screen"
    with pytest.raises(NormalizationError, match="fitted on 12 features, not on 3"):
        fitted.apply(values[:, :3], sites)


def test_what_is_no_file_of_a_fitted_normalisation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"not one of ours")
    with pytest.raises(NormalizationError, match=r"x.safetensors is no file of fitted normalisations"):
        read_fitted(tmp_path / "x.safetensors")
    with pytest.raises(NormalizationError, match="no file of fitted normalisations"):
        read_fitted(tmp_path / "y.safetensors")


def stores(folder: Path, sites: pd.DataFrame, values: np.ndarray) -> list[Path]:
    write_table(sites, folder / "sites.parquet", SITES)
    return [
        write_embeddings(folder / f"{name}.parquet", sites.iloc[here], values[here])
        for name, here in sites.groupby("store_id").indices.items()
    ]


@pytest.mark.parametrize("method", [MAD, GLOBAL, SPHERIZE, TVN, Normalization.NEGATIVE_CROSSFIT])
def test_the_file_beside_profiles_makes_them_again(
    sites: pd.DataFrame, values: np.ndarray, method: Normalization, tmp_path: Path
) -> None:
    paths = stores(tmp_path, sites, values)
    outputs = [tmp_path / name for name in ("s.parquet", "w.parquet", "f.safetensors")]
    write_profiles(paths, tmp_path / "sites.parquet", method, *outputs, code="0123")
    (fitted,) = read_fitted(outputs[2]).values()
    assert fitted.about["code"] == "0123"
    assert fitted.about["featurizer"] == "made_up"
    assert len(json.loads(fitted.about["feature_names"])) == DIM
    found = read_table(outputs[1], WELL_PROFILES)
    again = pd.DataFrame(fitted.apply(values, sites)).groupby(sites["well_id"].to_numpy(), sort=False).mean()
    np.testing.assert_allclose(found[NAMES], again.loc[found["well_id"]], rtol=1e-5, atol=1e-5)


def test_a_feature_that_is_not_a_number_is_named(sites: pd.DataFrame, values: np.ndarray, tmp_path: Path) -> None:
    paths = stores(tmp_path, sites, values)
    written = pq.read_table(paths[1])
    table = written.to_pandas()
    table.loc[4, "feature_5"] = np.nan
    pq.write_table(pa.Table.from_pandas(table).replace_schema_metadata(written.schema.metadata), paths[1])
    with pytest.raises(TableError, match="feature_5 in row 5 is not a finite number"):
        write_profiles(paths, tmp_path / "sites.parquet", SPHERIZE, tmp_path / "s.parquet", tmp_path / "w.parquet")


def fold_stores(folder: Path, sites: pd.DataFrame, values: dict[str, np.ndarray]) -> list[Path]:
    """A table per store with every site once per fold, whose features differ."""
    write_table(sites, folder / "sites.parquet", SITES)
    metadata = {"feature_names": json.dumps(NAMES), "featurizer": "made_up"}
    paths = []
    for name, here in sites.groupby("store_id").indices.items():
        parts = []
        for fold, of_fold in values.items():
            part = pd.DataFrame(of_fold[here].astype(np.float32), columns=NAMES)
            part.insert(0, "site_id", sites["site_id"].to_numpy()[here])
            parts.append(part.assign(scheme="quarter", fold=fold)[["scheme", "fold", "site_id", *NAMES]])
        paths.append(folder / f"{name}.parquet")
        write_features(pd.concat(parts, ignore_index=True), paths[-1], FOLD_EMBEDDINGS, metadata)
    return paths


@pytest.mark.parametrize("method", [MAD, GLOBAL, SPHERIZE, TVN, Normalization.UNLABELLED])
def test_each_fold_is_fitted_by_itself(
    sites: pd.DataFrame, values: np.ndarray, method: Normalization, tmp_path: Path
) -> None:
    of_folds = {"1": values, "2": (values**2).astype(np.float32).astype(float)}
    paths = fold_stores(tmp_path, sites, of_folds)
    outputs = [tmp_path / name for name in ("s.parquet", "w.parquet", "f.safetensors")]
    write_fold_profiles(paths, tmp_path / "sites.parquet", method, *outputs, code="0123")
    fitted = read_fitted(outputs[2])
    assert list(fitted) == ["quarter/1", "quarter/2"]
    found = read_table(outputs[1], FOLD_WELL_PROFILES).set_index(["fold", "well_id"])
    for fold, given in of_folds.items():
        expected = pd.DataFrame(normalized(given, sites, method)).groupby(sites["well_id"].to_numpy()).mean()
        np.testing.assert_allclose(found.loc[fold].loc[expected.index, NAMES], expected, rtol=1e-4, atol=1e-4)
        assert isinstance(fitted[f"quarter/{fold}"], Fitted)
