"""Comparisons with floors: the same wells for all, differences of what the questions report, and every comparison counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.cell_model import write_cell_model
from gandl.evaluation.cell_type import ANSWERS, write_cell_type
from gandl.evaluation.comparisons import ComparisonError, write_comparisons
from gandl.evaluation.controls import write_controls
from gandl.evaluation.held_out import SITE_SCORES
from gandl.evaluation.paired import holm
from gandl.evaluation.scores import write_scores
from gandl.evaluation.strict.refits import REFITS
from gandl.evaluation.terms import COMPARISONS
from gandl.statistics.separation import auc
from gandl.tables import NUMBERS, WELL_SCORES, read_table, write_table
from pair_inputs import features, infected_sites, typed_sites, write_screen

SETTINGS = EvaluationSettings(svm_c=[1.0], bootstrap=100)
KINDS = {"controls": WELL_SCORES, "control_images": SITE_SCORES}
FEATURIZERS = ["gandl", "imagenet_concatenated", "intensity", "cell_count"]
NAMES = {"seed": 0, "training_seed": 7}
SEEDS = {"gandl": 7, "imagenet_concatenated": 8, "intensity": 7, "cell_count": 7}


def written(folder: Path, featurizers: list[str]) -> tuple[dict[str, list[Path]], pd.DataFrame]:
    """Held-out scores of a screen pair by every featurizer, whose features get noisier one by one, and the questions' numbers."""
    files: dict[str, list[Path]] = {
        name: [] for name in ("controls", "control_images", "refits", "cell_model", "cell_model_images", "cell_type")
    }
    numbers = []
    raw, own = Normalization.NONE, Normalization.UNLABELLED
    for i, name in enumerate(featurizers):
        about = {"featurizer": name, **NAMES}
        screens = []
        for kind, sites in (("infected", infected_sites({"HRCE-1": 3, "VERO-1": 3})), ("typed", TYPED)):
            values = features(sites)
            values += 3.0 * i * np.random.default_rng(i).standard_normal(values.shape).astype(values.dtype)
            (folder / name / kind).mkdir(parents=True)
            screens.append(write_screen(folder / name / kind, sites, values))
        infected, typed = screens
        paths = {key: folder / name / f"{key}.parquet" for key in (*files, "n1", "n2", "n3", "confusion")}
        inputs = infected.wells(own), infected.site_profiles(own), infected.splits
        write_scores(*inputs, SETTINGS, paths["controls"], paths["control_images"], refits=paths["refits"])
        controls = paths["controls"], paths["control_images"], infected.wells(raw), SETTINGS, []
        write_controls(*controls, **about, normalization="unlabelled", output=paths["n1"])
        of_model = {"scores": paths["cell_model"], "site_scores": paths["cell_model_images"], "output": paths["n2"]}
        inputs = infected.wells(raw), infected.site_profiles(raw), infected.splits
        write_cell_model(*inputs, SETTINGS, **about, normalization="none", **of_model)
        of_types = {"answers": paths["cell_type"], "confusion": paths["confusion"], "output": paths["n3"]}
        inputs = typed.wells(raw), typed.site_profiles(raw), typed.splits
        write_cell_type(*inputs, SETTINGS, **about, normalization="none", **of_types)
        numbers += [read_table(paths[key], NUMBERS) for key in ("n1", "n2", "n3")]
        for key, paths_of in files.items():
            paths_of.append(paths[key])
    return files, pd.concat(numbers, ignore_index=True)


TYPED = typed_sites(dict.fromkeys(["HEPG2", "HUVEC", "RPE", "U2OS"], 2))


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[Path]], pd.DataFrame]:
    return written(tmp_path_factory.mktemp("screens"), FEATURIZERS)


def compared(files: dict[str, list[Path]], folder: Path, featurizers: list[str] = FEATURIZERS) -> pd.DataFrame:
    output = folder / "floors.parquet"
    names = {"normalization": "unlabelled", "seed": 0, "training_seeds": SEEDS}
    write_comparisons(featurizers, **files, settings=SETTINGS, development_rows=[], **names, output=output)
    return read_table(output, COMPARISONS)


def test_each_difference_is_that_of_the_numbers_which_the_questions_report(screens, tmp_path: Path) -> None:
    files, numbers = screens
    table = compared(files, tmp_path)
    values = numbers.set_index(["question", "featurizer", "normalization", "split", "unit", "metric"])["value"]
    for row in table.to_dict("records"):
        one, other = (
            values.loc[
                row["question"], name, row["normalization"], row["split"], row["unit"], row["metric"].split("_")[0]
            ]
            for name in (row["featurizer"], row["against"])
        )
        assert row["value"] == pytest.approx(one - other, abs=1e-9), row
    assert (table["low"].isna() | ((table["low"] <= table["value"]) & (table["value"] <= table["high"]))).all()


def test_learned_features_are_held_against_floors_on_every_set_and_all_are_counted(screens, tmp_path: Path) -> None:
    table = compared(screens[0], tmp_path)
    assert set(table["featurizer"]) == {"gandl", "imagenet_concatenated"}
    assert set(table["against"]) == {"intensity", "cell_count", "gandl"}
    assert set(table.loc[table["against"] == "gandl", "featurizer"]) == {"imagenet_concatenated"}
    sets = table[["question", "split", "unit"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert sets == [
        ("controls", "leave_plate_out:HRCE", "well"),
        ("controls", "leave_plate_out:VERO", "well"),
        ("controls", "quarter:all", "site"),
        ("controls", "quarter_by_cell_type:HRCE", "site"),
        ("controls", "quarter_by_cell_type:VERO", "site"),
        ("cell_model", "leave_plate_out:all", "well"),
        ("cell_model", "quarter:all", "site"),
        ("cell_type", "quarter:all", "site"),
        ("cell_type", "leave_experiment_out:all", "well"),
    ]
    assert len(table) == 9 * (4 + 1)
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))
    drawn = table.drop_duplicates(["question", "split", "unit"])[["drawn", "units"]].apply(tuple, axis=1).tolist()
    assert drawn[:3] == [("plate", 3), ("plate", 3), ("well", drawn[2][1])]
    assert drawn[5] == ("plate", 6)
    assert drawn[8] == ("experiment", 8)
    assert dict(zip(table["featurizer"], table["seed"], strict=True)) == {"gandl": 7, "imagenet_concatenated": 8}


def test_where_plates_are_left_out_axes_are_refitted_for_both_and_differences_are_the_jackknife_s(
    screens, tmp_path: Path
) -> None:
    files = screens[0]
    place = "split == 'leave_plate_out:HRCE' and featurizer == 'gandl' and against == 'cell_count'"
    wells = read_table(files["controls"][0], WELL_SCORES).drop_duplicates("well_id").set_index("well_id")
    without = []
    for name in ("gandl", "cell_count"):
        refits = read_table(files["refits"][FEATURIZERS.index(name)], REFITS)
        refits = refits[(refits["scheme"] == "leave_plate_out") & refits["left_out"].str.startswith("HRCE")]
        kinds = wells["control"].loc[refits["well_id"]].to_numpy()
        found = [
            float(auc(*(rows.loc[kind == which, "on"].to_numpy() for which in ("positive", "negative"))))
            for _, rows in refits.groupby("left_out")
            for kind in [kinds[refits.index.get_indexer(rows.index)]]
        ]
        without.append(np.array(found))
    differences = without[0] - without[1]
    error = np.sqrt(2 / 3 * np.sum((differences - differences.mean()) ** 2))
    (row,) = compared(files, tmp_path).query(place).to_dict("records")
    assert row["p"] == pytest.approx(2 * t.sf(abs(row["value"]) / error, 2))
    assert row["low"] == pytest.approx(max(row["value"] - t.ppf(0.975, 2) * error, -1))
    (drawn,) = compared({**files, "refits": []}, tmp_path).query(place).to_dict("records")
    assert drawn["p"] != pytest.approx(row["p"])


def test_clear_differences_are_found_and_a_copy_of_a_floor_is_not(screens, tmp_path: Path) -> None:
    table = compared(screens[0], tmp_path).set_index(["featurizer", "against", "question", "split"])
    clear = table.loc["gandl", "cell_count", "cell_type", "quarter:all"]
    assert clear["value"] > 0.3
    assert clear["p_holm"] <= 0.05
    twins = {key: [paths[2], paths[2]] for key, paths in screens[0].items()}
    same = compared(twins, tmp_path, ["gandl", "intensity"])
    assert (same["value"] == 0).all()
    assert same[["low", "high", "p", "p_holm"]].isna().all(axis=None)


def test_images_that_one_featurizer_lacks_are_left_out_for_all(screens, tmp_path: Path) -> None:
    files = {key: list(paths) for key, paths in screens[0].items()}
    images = read_table(files["control_images"][0], SITE_SCORES)
    files["control_images"][0] = tmp_path / "fewer.parquet"
    lacking = images[images["site_id"] != images["site_id"].iloc[0]]
    write_table(lacking, files["control_images"][0], SITE_SCORES)
    before, after = compared(screens[0], tmp_path), compared(files, tmp_path)
    by_image = before["split"].str.startswith("quarter") & (before["question"] == "controls")
    assert (before.loc[by_image, "n"] - after.loc[by_image, "n"]).sum() >= 4
    assert (after.loc[~by_image, "value"] == before.loc[~by_image, "value"]).all()


def test_a_question_that_was_not_requested_and_a_run_without_floors_give_no_rows(screens, tmp_path: Path) -> None:
    none = {key: [] for key in screens[0]}
    assert compared(none, tmp_path).empty
    only = {key: paths[:1] for key, paths in screens[0].items()}
    assert compared(only, tmp_path, ["gandl"]).empty
    controls = {key: paths if "control" in key else [] for key, paths in screens[0].items()}
    assert set(compared(controls, tmp_path)["question"]) == {"controls"}


def test_featurizers_without_a_well_in_common_are_refused(screens, tmp_path: Path) -> None:
    files = {key: list(paths) for key, paths in screens[0].items()}
    wells = read_table(files["controls"][0], WELL_SCORES)
    files["controls"][0] = tmp_path / "others.parquet"
    write_table(wells.assign(well_id=wells["well_id"] + "_other"), files["controls"][0], WELL_SCORES)
    with pytest.raises(
        ComparisonError,
        match="gandl, imagenet_concatenated, intensity, cell_count have no row of well scores in common",
    ):
        compared(files, tmp_path)


def test_a_featurizer_without_a_scheme_takes_no_comparison_from_others(screens, tmp_path: Path) -> None:
    files = {key: list(paths) for key, paths in screens[0].items()}
    wells, images = (read_table(files[key][0], schema) for key, schema in KINDS.items())
    files["controls"][0], files["control_images"][0] = tmp_path / "wells.parquet", tmp_path / "images.parquet"
    write_table(wells[wells["scheme"] != "leave_plate_out"], files["controls"][0], WELL_SCORES)
    write_table(images[images["scheme"] != "quarter"], files["control_images"][0], SITE_SCORES)
    (tmp_path / "all").mkdir()
    before, after = compared(screens[0], tmp_path / "all"), compared(files, tmp_path)
    key = ["question", "split", "unit", "featurizer", "against"]
    gone = set(before[key].itertuples(index=False, name=None)) - set(after[key].itertuples(index=False, name=None))
    assert gone
    assert {row[0] for row in gone} == {"controls"}
    assert all("gandl" in row[3:] for row in gone)
    assert all(row[1].startswith(("leave_plate_out", "quarter:")) for row in gone)
    both = before.merge(after, on=key, suffixes=("", "_after"))
    assert len(both) == len(after)
    assert (both["value"] == both["value_after"]).all()


def test_controls_are_compared_where_experiments_were_left_out_also_of_what_was_not_trained_for_plates(
    screens, tmp_path: Path
) -> None:
    """As ImageNet-collapsed in `config/paper.yaml`; here each plate counts as an experiment."""
    files = {key: list(paths) if key == "controls" else [] for key, paths in screens[0].items()}
    for i, path in enumerate(files["controls"]):
        wells = read_table(path, WELL_SCORES)
        of_plates = wells[wells["scheme"] == "leave_plate_out"]
        of_experiments = of_plates.assign(scheme="leave_experiment_out", experiment=of_plates["plate_id"])
        files["controls"][i] = tmp_path / f"{i}.parquet"
        kept = wells[wells["scheme"] != "leave_plate_out"] if i == 0 else wells
        write_table(pd.concat([kept, of_experiments], ignore_index=True), files["controls"][i], WELL_SCORES)
    table = compared(files, tmp_path)
    sets = table.groupby("featurizer")["split"].unique().map(list).to_dict()
    experiments = ["leave_experiment_out:HRCE", "leave_experiment_out:VERO"]
    assert sets["gandl"] == experiments
    assert set(sets["imagenet_concatenated"]) == {*experiments, "leave_plate_out:HRCE", "leave_plate_out:VERO"}
    of_experiments = table[table["split"].isin(experiments)]
    assert set(zip(of_experiments["drawn"], of_experiments["units"], strict=True)) == {("experiment", 3)}


def test_answers_are_what_the_confusion_counts_are_made_of(screens) -> None:
    path = screens[0]["cell_type"][0]
    answers, counts = read_table(path, ANSWERS), pd.read_parquet(path.with_name("confusion.parquet"))
    told = answers.value_counts(["scheme", "unit", "true", "predicted"])
    for row in counts.itertuples():
        assert told.get((row.scheme, row.unit, row.true, row.predicted), 0) == row.count
    assert answers.loc[answers["unit"] == "well", "site_id"].isna().all()
    assert answers.loc[answers["unit"] == "site", "site_id"].is_unique
