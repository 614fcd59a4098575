"""Exported profiles: columns as pycytominer and JUMP name them, values as they were, the same bytes for the same input."""

from __future__ import annotations

import gzip
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evaluation_inputs import features, read_sites, write_embeddings, write_plate
from gandl.config import Normalization
from gandl.normalization import export, profiles
from gandl.normalization.export import ExportError, export_profiles
from gandl.normalization.profiles import write_profiles
from gandl.tables import SITES, feature_columns
from gandl.tables.notes import write_noted_sites
from pair_inputs import features as pair_features, infected_sites, write_screen
from table_rows import site_row

NONE = Normalization.NONE


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five plates in five stores, two sites per well; Mock, infected, UV-inactivated and treated wells."""
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "ROWS_OF_GROUP", 1)  # as stores of a large screen: a row group each
        return write_screen(tmp_path_factory.mktemp("screen"), sites, pair_features(sites)).folder


def exported(folder: Path, table: str = "none.wells", ending: str = "parquet", **origin: str) -> Path:
    output = folder / f"{table}.profiles.{ending}"
    export_profiles(folder / f"{table}.parquet", folder / "sites.parquet", [output], origin)
    return output


def is_metadata(frame: pd.DataFrame) -> np.ndarray:
    return frame.columns.str.startswith("Metadata_")


def test_metadata_come_first_and_features_follow_unchanged(screen: Path) -> None:
    ours, theirs = pd.read_parquet(screen / "none.wells.parquet"), pd.read_parquet(exported(screen))
    metadata = is_metadata(theirs)
    assert metadata.argmin() == metadata.sum(), "all metadata stand before all features"
    assert list(theirs)[:3] == ["Metadata_Plate", "Metadata_Well", "Metadata_control_type"]
    of_features = theirs.loc[:, ~metadata]
    assert of_features.columns.str.fullmatch(r"Cells_made_up_\w+").all(), "what pycytominer finds by itself"
    np.testing.assert_array_equal(of_features, ours[feature_columns(ours)])
    assert set(of_features.dtypes) == {np.dtype(np.float32)}
    renamed = {"plate_id": "Metadata_Plate", "well": "Metadata_Well", "experiment": "Metadata_Batch", "row": "Metadata_Row",
               "column": "Metadata_Col", "plate": "Metadata_plate_number"}  # fmt: skip
    renamed |= {
        name: f"Metadata_{name}" for name in ("well_id", "cell_type", "condition", "concentration_um", "smiles")
    }
    for name, given in renamed.items():
        pd.testing.assert_series_equal(theirs[given], ours[name], check_names=False)
    assert set(theirs.columns[metadata]) == {
        *renamed.values(), "Metadata_control_type", "Metadata_treatment", "Metadata_compound"
    }  # fmt: skip


def test_controls_are_in_jumps_words_and_no_treatment_is_empty(screen: Path) -> None:
    ours, theirs = pd.read_parquet(screen / "none.wells.parquet"), pd.read_parquet(exported(screen))
    kinds = {"negative": "negcon", "positive": "poscon"}
    expected = [
        kinds.get(control, "untreated" if treatment is None else "trt")
        for control, treatment in zip(ours["control"], ours["treatment"], strict=True)
    ]
    assert theirs["Metadata_control_type"].tolist() == expected
    assert set(expected) == {"negcon", "poscon", "trt", "untreated"}
    for name in ("treatment", "compound"):
        assert theirs[f"Metadata_{name}"].tolist() == ours[name].fillna("untreated").tolist()


def test_a_screen_without_any_treatment_is_untreated(tmp_path: Path) -> None:
    sites = pd.DataFrame([site_row("E", 1, well) for well in ("A01", "A02", "A03")])
    write_screen(tmp_path, sites, np.random.default_rng(0).standard_normal((3, 2)))
    theirs = pd.read_parquet(exported(tmp_path))
    assert set(theirs["Metadata_treatment"]) == set(theirs["Metadata_control_type"]) == {"untreated"}
    assert theirs["Metadata_smiles"].isna().all()
    exported(tmp_path, ending="csv.gz")


def test_the_csv_gives_back_every_value(screen: Path) -> None:
    theirs, text = pd.read_parquet(exported(screen)), pd.read_csv(exported(screen, ending="csv.gz"))
    metadata = is_metadata(theirs)
    assert list(text) == list(theirs)
    np.testing.assert_array_equal(text.loc[:, ~metadata].astype(np.float32), theirs.loc[:, ~metadata])
    for name in theirs.columns[metadata]:
        assert text[name].fillna("").tolist() == theirs[name].fillna("").tolist(), name


@pytest.mark.parametrize("ending", ["parquet", "csv.gz"])
def test_the_same_profiles_give_the_same_bytes(screen: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = exported(screen, ending=ending).read_bytes()
    monkeypatch.setattr("time.time", float)  # another time of day
    assert exported(screen, ending=ending).read_bytes() == first


def test_few_rows_at_a_time_give_what_all_at_once_do(screen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pd.read_parquet(exported(screen)), exported(screen, ending="csv.gz").read_bytes()
    monkeypatch.setattr(export, "ROWS", 50)
    path = exported(screen)
    assert pq.ParquetFile(path).num_row_groups == 3, "two stores of 39 wells together"
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole[0])
    assert gzip.decompress(exported(screen, ending="csv.gz").read_bytes()) == gzip.decompress(whole[1])


def test_sites_have_their_number_and_name(screen: Path) -> None:
    ours, theirs = pd.read_parquet(screen / "none.sites.parquet"), pd.read_parquet(exported(screen, "none.sites"))
    assert list(theirs)[:3] == ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    assert theirs["Metadata_Site"].tolist() == ours["site"].tolist()
    assert theirs["Metadata_site_id"].tolist() == ours["site_id"].tolist()


def test_simulated_profiles_say_so_and_every_file_says_where_it_comes_from(screen: Path) -> None:
    path = exported(screen, run="mine", normalization="none", images="simulated", code="0123")
    assert set(pd.read_parquet(path)["Metadata_images"]) == {"simulated"}
    notes = pq.read_schema(path).metadata
    assert {
        b"run": b"mine",
        b"normalization": b"none",
        b"featurizer": b"made_up",
        b"code": b"0123",
    }.items() <= notes.items()
    path = exported(screen, run="mine", images="")
    assert "Metadata_images" not in pq.read_schema(path).names


def own_plates(folder: Path, names: tuple[str, str] = ("BR001", "BR002"), **more: object) -> pd.DataFrame:
    """A lab's two plates of two wells with two sites each, and what its table holds beside; exported."""
    rows = []
    for plate, well, site in product((1, 2), ("A01", "A02"), (1, 2)):
        image = {"file_dna": f"{well}_{site}.tif", "path_dna": "data/a.tif", "page_dna": None}
        rows.append(site_row("E", plate, well, site) | {"plate_name": names[plate - 1], "table_row": 2, **image})
    sites = pd.DataFrame(rows).assign(**more)
    write_noted_sites(sites, folder / "sites.parquet", {"channels": ["dna"]})
    for plate in (1, 2):
        here = sites[sites["plate"] == plate]
        write_embeddings(folder / f"{plate}.parquet", here, np.ones((4, 2)), ["mean_ER (488)", "mean_ER [488]"])
    stores = [folder / "1.parquet", folder / "2.parquet"]
    write_profiles(stores, folder / "sites.parquet", NONE, folder / "none.sites.parquet", folder / "none.wells.parquet")
    return pd.read_parquet(exported(folder))


def test_a_labs_own_columns_are_kept_where_they_belong_to_wells(tmp_path: Path) -> None:
    wells = own_plates(
        tmp_path,
        medium=["a"] * 4 + ["b"] * 4,
        gene=[None, None, "KRAS", "KRAS"] * 2,
        focus=range(8),
        half=["x", None] * 4,
        Metadata_Donor="D1",
    )
    assert wells["Metadata_medium"].tolist() == ["a", "a", "b", "b"]
    assert wells["Metadata_gene"].tolist() == [None, "KRAS"] * 2
    assert wells["Metadata_Donor"].tolist() == ["D1"] * 4
    for name in ("focus", "half", "file_dna", "path_dna", "page_dna", "table_row", "store_id"):
        assert f"Metadata_{name}" not in wells, name


def test_a_labs_plates_bear_their_own_names_unless_two_share_one(tmp_path: Path) -> None:
    wells = own_plates(tmp_path)
    assert wells["Metadata_Plate"].tolist() == ["BR001", "BR001", "BR002", "BR002"]
    assert wells["Metadata_plate_id"].tolist() == ["E_1", "E_1", "E_2", "E_2"]
    (tmp_path / "other").mkdir()
    wells = own_plates(tmp_path / "other", ("1", "1"))
    assert wells["Metadata_Plate"].tolist() == ["E_1", "E_1", "E_2", "E_2"]
    assert wells["Metadata_plate_name"].tolist() == ["1"] * 4


def test_no_two_columns_differ_in_capitals_alone(tmp_path: Path) -> None:
    """DuckDB, with which copairs finds pairs, takes them for one."""
    wells = own_plates(tmp_path, Plate="left", Metadata_control_type="poscon_cp", Control_Type="x")
    assert wells["Metadata_Plate_own"].tolist() == ["left"] * 4
    assert wells["Metadata_control_type_own"].tolist() == ["poscon_cp"] * 4
    assert wells["Metadata_Control_Type_own_own"].tolist() == ["x"] * 4
    features_of_both = [name for name in wells if name.startswith("Cells_")]
    assert features_of_both == ["Cells_made_up_mean_ER_488_", "Cells_made_up_mean_ER_488__other"]
    assert wells.columns.str.lower().is_unique


def test_every_column_of_the_sites_table_has_its_place(tmp_path: Path) -> None:
    """A real plate map: whatever the schema names is exported or known not to describe wells."""
    sites_path, _ = write_plate(tmp_path)
    sites = read_sites(sites_path)
    store = write_embeddings(tmp_path / "e.parquet", sites, features(sites, dim=2))
    write_profiles([store], sites_path, NONE, tmp_path / "s.parquet", tmp_path / "w.parquet")
    export_profiles(tmp_path / "w.parquet", sites_path, [tmp_path / "p.parquet"], {})
    names = {*SITES.names, "dose_index"} - {"site_id", "site", "store_id"}
    assert int(is_metadata(pd.read_parquet(tmp_path / "p.parquet")).sum()) == len(names)


def test_anndata_that_is_not_installed_is_named_with_its_command(screen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", {}.get)
    with pytest.raises(ExportError, match=r"anndata, which is not installed: .*pip install anndata"):
        exported(screen, ending="h5ad")
    assert not list(screen.glob("*.h5ad*"))


def test_a_table_that_cannot_be_read_leaves_what_was_there(screen: Path, tmp_path: Path) -> None:
    output = tmp_path / "old.csv.gz"
    output.write_bytes(gzip.compress(b"old"))
    cut = tmp_path / "cut.parquet"
    cut.write_bytes((screen / "none.wells.parquet").read_bytes()[:-9000])
    with pytest.raises(Exception, match="Parquet"):
        export_profiles(cut, screen / "sites.parquet", [output], {})
    assert gzip.decompress(output.read_bytes()) == b"old"
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
