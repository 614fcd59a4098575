"""Profiles: each plate by itself, on the wells that the method names; wells are means of their sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evaluation_inputs import features, read_sites, write_embeddings, write_plate
from gandl.config import Normalization
from gandl.embeddings.metadata import feature_names
from gandl.normalization import profiles
from gandl.normalization.profiles import NormalizationError, normalized, reference_wells, wells_of, write_profiles
from gandl.tables import SITE_PROFILES, SITES, WELL_PROFILES, feature_columns, read_table, write_table
from pair_inputs import features as pair_features, infected_sites

UNLABELLED, MOCK, NONE = Normalization.UNLABELLED, Normalization.MOCK, Normalization.NONE
NEGATIVE, CROSSFIT = Normalization.NEGATIVE, Normalization.NEGATIVE_CROSSFIT


@pytest.fixture(scope="module")
def sites_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plate(tmp_path_factory.mktemp("plate"))[0]


@pytest.fixture(scope="module")
def sites(sites_path: Path) -> pd.DataFrame:
    return read_sites(sites_path)


def second_plate(sites: pd.DataFrame) -> pd.DataFrame:
    """The same wells once more, as plate 2."""
    other = sites.assign(plate=2)
    for column in ("plate_id", "store_id", "well_id", "site_id"):
        other[column] = other[column].str.replace("BBBC013_1", "BBBC013_2")
    return pd.concat([sites, other], ignore_index=True)


@pytest.mark.parametrize(("method", "control"), [(UNLABELLED, "none"), (MOCK, "negative"), (NEGATIVE, "negative")])
def test_reference_wells_get_mean_zero_and_deviation_one(
    sites: pd.DataFrame, method: Normalization, control: str
) -> None:
    out = normalized(features(sites), sites, method)[(sites["control"] == control).to_numpy()]
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(out.std(axis=0, ddof=1), 1)


def test_unlabelled_normalisation_uses_no_control(sites: pd.DataFrame) -> None:
    values = features(sites)
    changed = values.copy()
    control = (sites["control"] != "none").to_numpy()
    changed[control] += 100
    before, after = normalized(values, sites, UNLABELLED), normalized(changed, sites, UNLABELLED)
    np.testing.assert_array_equal(before[~control], after[~control])


def test_a_plate_does_not_depend_on_other_plates(sites: pd.DataFrame) -> None:
    both = second_plate(sites)
    alone = features(sites)
    together = normalized(np.concatenate([alone, 7 + 30 * features(sites, seed=1)]), both, UNLABELLED)
    np.testing.assert_array_equal(together[: len(sites)], normalized(alone, sites, UNLABELLED))


def test_shift_and_scale_of_a_plate_vanish(sites: pd.DataFrame) -> None:
    both, values = second_plate(sites), features(sites)
    out = normalized(np.concatenate([values, 3 + 20 * values]), both, UNLABELLED)
    np.testing.assert_allclose(out[: len(sites)], out[len(sites) :], atol=1e-9)


def test_what_is_constant_on_a_plate_becomes_zero(sites: pd.DataFrame) -> None:
    values = features(sites)
    values[:, 3] = 0.1
    values[:, 4] = 0.0
    out = normalized(values, sites, UNLABELLED)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[:, 3:5], 0)


def test_a_tiny_feature_that_varies_is_no_constant(sites: pd.DataFrame) -> None:
    values = features(sites)
    np.testing.assert_allclose(
        normalized(1e-12 * values, sites, UNLABELLED), normalized(values, sites, UNLABELLED), rtol=1e-6, atol=1e-9
    )


def test_no_normalisation_changes_nothing(sites: pd.DataFrame) -> None:
    values = features(sites)
    np.testing.assert_array_equal(normalized(values, sites, NONE), values)


def test_mock_wells_are_the_untreated_ones(sites: pd.DataFrame) -> None:
    assert set(sites.loc[reference_wells(sites, MOCK), "control"]) == {"negative"}
    infected = sites.assign(condition=np.where(sites["control"] == "positive", "mock", "infected"))
    assert set(infected.loc[reference_wells(infected, MOCK), "control"]) == {"positive"}


def test_negative_controls_are_found_by_their_label_whatever_was_done_to_them(sites: pd.DataFrame) -> None:
    """A vehicle well that names its treatment is treated by its condition; an untreated well need not be a control."""
    vehicle = sites.assign(condition=np.where(sites["control"] == "none", "untreated", "treated"))
    infected = sites.assign(condition=np.where(sites["control"] == "positive", "mock", "infected"))
    for table in (sites, vehicle, infected):
        for method in (NEGATIVE, CROSSFIT):
            assert set(table.loc[reference_wells(table, method), "control"]) == {"negative"}
    assert set(vehicle.loc[reference_wells(vehicle, MOCK), "control"]) == {"none"}


def test_a_cross_fitted_profile_of_a_negative_control_is_in_units_of_other_parts(sites: pd.DataFrame) -> None:
    values = features(sites)
    out = normalized(values, sites, CROSSFIT)
    negative = np.flatnonzero(sites["control"] == "negative")
    part = pd.Series(negative, index=sites["well_id"].iloc[negative]).sort_index()
    for i in range(4):
        mine, others = part.iloc[i::4], part.drop(part.index[i::4])
        expected = (values[mine] - values[others].mean(axis=0)) / values[others].std(axis=0, ddof=1)
        np.testing.assert_allclose(out[mine], expected)


def test_a_cross_fitted_profile_of_any_other_well_is_in_units_of_all_negative_controls(sites: pd.DataFrame) -> None:
    others = (sites["control"] != "negative").to_numpy()
    values = features(sites)
    np.testing.assert_array_equal(
        normalized(values, sites, CROSSFIT)[others], normalized(values, sites, NEGATIVE)[others]
    )


def test_cross_fitting_averages_sites_to_wells_first(sites: pd.DataFrame) -> None:
    second = sites.assign(site=2, site_id=sites["well_id"] + "_2")
    both, values = pd.concat([sites, second], ignore_index=True), features(sites)
    shift = np.random.default_rng(3).standard_normal(values.shape)
    out = normalized(np.concatenate([values - shift, values + shift]), both, CROSSFIT)
    np.testing.assert_allclose((out[:96] + out[96:]) / 2, normalized(values, sites, CROSSFIT), atol=1e-9)


def test_cross_fitting_needs_four_negative_controls(sites: pd.DataFrame) -> None:
    few = sites.copy()
    few.loc[few.index[few["control"] == "negative"][3:], "control"] = "none"
    assert np.isfinite(normalized(features(few), few, NEGATIVE)).all()
    with pytest.raises(NormalizationError, match=r"plate BBBC013_1 has 3 negative control well.*needs at least 4"):
        normalized(features(few), few, CROSSFIT)


def test_too_few_reference_wells_name_plate_and_method(sites: pd.DataFrame) -> None:
    few = sites.copy()
    few.loc[few["control"] == "none", "control"] = "negative"
    with pytest.raises(NormalizationError, match=r"plate BBBC013_1 has 0 reference well.*'unlabelled'; at least 3"):
        normalized(features(few), few, UNLABELLED)


def test_profiles_keep_sites_names_of_features_and_average_sites_to_wells(sites: pd.DataFrame, tmp_path: Path) -> None:
    second = sites.assign(site=2, site_id=sites["well_id"] + "_2")
    both = pd.concat([sites, second], ignore_index=True)
    write_table(both, tmp_path / "sites.parquet", SITES)
    values = features(both, dim=3)
    order = np.random.default_rng(0).permutation(len(both))
    names = ["count", "area", "nuclear_over_ring"]
    embeddings = write_embeddings(tmp_path / "e.parquet", both.iloc[order], values[order], names)
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    write_profiles([embeddings], tmp_path / "sites.parquet", NONE, *outputs)

    of_sites, of_wells = read_table(outputs[0], SITE_PROFILES), read_table(outputs[1], WELL_PROFILES)
    assert feature_names(outputs[0]) == feature_names(outputs[1]) == names
    columns = feature_columns(of_sites)
    pd.testing.assert_frame_equal(of_sites[SITES.names], both[SITES.names])
    np.testing.assert_allclose(of_sites[columns], values, rtol=1e-6)
    assert of_wells["well_id"].tolist() == sites["well_id"].tolist()
    np.testing.assert_allclose(of_wells[columns], (values[:96] + values[96:]) / 2, rtol=1e-6)
    for column in ("treatment", "concentration_um", "control"):
        pd.testing.assert_series_equal(of_wells[column], sites[column])


def test_a_site_without_embedding_is_named(sites_path: Path, sites: pd.DataFrame, tmp_path: Path) -> None:
    path = write_embeddings(tmp_path / "e.parquet", sites.iloc[1:], features(sites)[1:])
    with pytest.raises(NormalizationError, match=r"the embeddings lack 1 site of .*, the first: BBBC013_1_A01_1"):
        write_profiles([path], sites_path, UNLABELLED, tmp_path / "s.parquet", tmp_path / "w.parquet")
    assert not (tmp_path / "w.parquet").exists()


def test_an_embedding_of_an_unknown_site_is_named(sites: pd.DataFrame, tmp_path: Path) -> None:
    write_table(sites.iloc[1:], tmp_path / "sites.parquet", SITES)
    path = write_embeddings(tmp_path / "e.parquet", sites, features(sites))
    with pytest.raises(NormalizationError, match="the first: BBBC013_1_A01_1"):
        write_profiles([path], tmp_path / "sites.parquet", UNLABELLED, tmp_path / "s.parquet", tmp_path / "w.parquet")


def test_stores_of_different_featurizers_or_with_a_site_in_common_are_refused(
    sites_path: Path, sites: pd.DataFrame, tmp_path: Path
) -> None:
    values = features(sites, dim=2)
    half, rest = slice(0, 50), slice(50, 96)
    first = write_embeddings(tmp_path / "1.parquet", sites.iloc[half], values[half], ["a", "b"])
    other = write_embeddings(tmp_path / "2.parquet", sites.iloc[rest], values[rest], ["a", "c"])
    shared = write_embeddings(tmp_path / "3.parquet", sites.iloc[40:], values[40:], ["a", "b"])
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    with pytest.raises(NormalizationError, match="different features"):
        write_profiles([first, other], sites_path, NONE, *outputs)
    with pytest.raises(NormalizationError, match=r"hold 10 sites twice, the first: BBBC013_1_D05_1"):
        write_profiles([first, shared], sites_path, NONE, *outputs)


def screen(folder: Path) -> tuple[pd.DataFrame, np.ndarray, list[Path]]:
    """Five plates in five stores; the sites table is not in the order of the stores' files, the first store has no treatment."""
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    first = sites["plate_id"] == "HRCE-1_1"
    sites = sites[~first | sites["treatment"].isna()].reset_index(drop=True)
    sites = sites.assign(sirna=sites["treatment"], sirna_id=pd.array(sites["column"], "Int64"))
    sites.loc[sites["store_id"] == "HRCE-1_1", "sirna_id"] = pd.NA
    values = pair_features(sites)
    write_table(sites, folder / "sites.parquet", SITES)
    paths = []
    for store in ("VERO-1_2", "HRCE-1_1", "HRCE-1_3", "VERO-1_1", "HRCE-1_2"):
        here = np.random.default_rng(0).permutation(np.flatnonzero(sites["store_id"] == store))
        paths.append(write_embeddings(folder / f"{store}.parquet", sites.iloc[here], values[here]))
    return sites, values, paths


@pytest.mark.parametrize("method", list(Normalization))
def test_store_by_store_gives_what_all_at_once_would(tmp_path: Path, method: Normalization) -> None:
    sites, values, paths = screen(tmp_path)
    if method is UNLABELLED:
        sites.loc[(sites["control"] == "negative") & (sites["plate_id"] == "HRCE-1_1"), "control"] = "none"
    write_table(sites, tmp_path / "sites.parquet", SITES)
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    write_profiles(paths, tmp_path / "sites.parquet", method, *outputs)

    names = [f"feature_{i}" for i in range(values.shape[1])]
    whole = normalized(values.astype(np.float32).astype(float), sites, method).astype(np.float32)
    expected = pd.concat([sites, pd.DataFrame(whole, columns=names)], axis=1)
    pd.testing.assert_frame_equal(read_table(outputs[0], SITE_PROFILES), expected)
    pd.testing.assert_frame_equal(read_table(outputs[1], WELL_PROFILES), wells_of(expected, names))


@pytest.mark.parametrize(("rows", "of_groups"), [(1, 1), (160, 3), (2_048, 5)])
def test_small_stores_share_a_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, of_groups: int
) -> None:
    monkeypatch.setattr(profiles, "ROWS_OF_GROUP", rows)
    sites, _, paths = screen(tmp_path)
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    write_profiles(paths, tmp_path / "sites.parquet", NONE, *outputs)
    file = pq.ParquetFile(outputs[0])
    groups = [file.read_row_group(i, ["store_id"]).column(0).unique().to_pylist() for i in range(file.num_row_groups)]
    stores = list(sites["store_id"].unique())
    assert groups == [stores[i : i + of_groups] for i in range(0, len(stores), of_groups)]


def test_a_plate_in_two_stores_is_refused(sites_path: Path, sites: pd.DataFrame, tmp_path: Path) -> None:
    values = features(sites, dim=2)
    paths = [
        write_embeddings(tmp_path / f"{name}.parquet", sites.iloc[here], values[here])
        for name, here in (("one", slice(0, 50)), ("two", slice(50, 96)))
    ]
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    with pytest.raises(NormalizationError, match=r"plate BBBC013_1 is embedded in .*one\.parquet and .*two\.parquet"):
        write_profiles(paths, sites_path, UNLABELLED, *outputs)
    assert not outputs[0].exists()


def test_a_store_that_cannot_be_standardised_leaves_the_old_tables(tmp_path: Path) -> None:
    sites, _, paths = screen(tmp_path)
    outputs = tmp_path / "s.parquet", tmp_path / "w.parquet"
    write_profiles(paths, tmp_path / "sites.parquet", UNLABELLED, *outputs)
    before = [path.read_bytes() for path in outputs]
    last = (sites["plate_id"] == "VERO-1_2") & (sites["control"] == "none")
    write_table(sites.assign(control=sites["control"].where(~last, "negative")), tmp_path / "sites.parquet", SITES)
    with pytest.raises(NormalizationError, match="plate VERO-1_2 has 0 reference well"):
        write_profiles(paths, tmp_path / "sites.parquet", UNLABELLED, *outputs)
    assert [path.read_bytes() for path in outputs] == before
