"""Controls of plates that trained no network are reported by themselves, beside those of the other plates."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.config import Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.scores import write_scores
from gandl.statistics.separation import auc
from gandl.tables import NUMBERS, WELL_SCORES, read_table
from pair_inputs import SETTINGS, features, infected_sites, write_screen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unseen")
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    screen = write_screen(folder, sites, features(sites))
    method = Normalization.UNLABELLED
    profiles = screen.wells(method), screen.site_profiles(method)
    outputs = {name: folder / f"{name}.parquet" for name in ("scores", "site_scores", "refits", "permutations")}
    write_scores(*profiles, screen.splits, SETTINGS, **outputs)
    return folder


def splits_of(folder: Path, unseen: list[str]) -> dict[str, tuple[float, int]]:
    scores, sites, raw = folder / "scores.parquet", folder / "site_scores.parquet", folder / "none.wells.parquet"
    names = {"featurizer": "gandl", "normalization": "unlabelled", "seed": 0, "training_seed": 0}
    strict = {"refits": folder / "refits.parquet", "permutations": folder / "permutations.parquet"}
    write_controls(scores, sites, raw, SETTINGS, [], output=folder / "n.parquet", **strict, **names, unseen=unseen)
    table = read_table(folder / "n.parquet", NUMBERS)
    table = table[(table["metric"] == "auc") & (table["unit"] == "well")]
    return {row.split: (row.value, row.n) for row in table.itertuples()}


def test_wells_of_unseen_plates_and_of_the_others_have_numbers_of_their_own(folder: Path) -> None:
    found = splits_of(folder, ["HRCE-1_2"])
    assert {name for name in found if "seen" in name} == {"unseen_plates:HRCE", "seen_plates:HRCE"}
    wells = read_table(folder / "scores.parquet", WELL_SCORES)
    wells = wells[(wells["scheme"] == "leave_plate_out") & (wells["cell_type"] == "HRCE")]
    for name, here in (("unseen", wells["plate_id"] == "HRCE-1_2"), ("seen", wells["plate_id"] != "HRCE-1_2")):
        kinds = [wells.loc[here & (wells["control"] == kind), "on"].to_numpy() for kind in ("positive", "negative")]
        assert found[f"{name}_plates:HRCE"] == (pytest.approx(float(auc(*kinds))), sum(map(len, kinds)))
    assert found["unseen_plates:HRCE"][1] + found["seen_plates:HRCE"][1] == found["leave_plate_out:HRCE"][1]


@pytest.mark.parametrize("unseen", [[], ["HRCE-1_1", "HRCE-1_2", "HRCE-1_3"]])
def test_nothing_is_added_where_all_plates_of_a_cell_type_are_alike(folder: Path, unseen: list[str]) -> None:
    assert not [name for name in splits_of(folder, unseen) if "seen" in name]
