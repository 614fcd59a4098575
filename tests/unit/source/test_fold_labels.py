"""Labels of folds: those of training wells alone; labels that leaked from test wells are found, wherever they stand."""

from __future__ import annotations

import pandas as pd
import pytest

from gandl.source.fold_labels import FoldOf, check_labels, folds_among, make_fold_labels
from gandl.source.labels import LabelError
from gandl.source.schemes import Question
from gandl.tables import LABELS, check

FOLD = FoldOf(Question.CONTROLS, "leave_plate_out", "P2")


def screen(plates: int = 3, wells: int = 8) -> pd.DataFrame:
    """Two sites per well; wells are positive, negative and treated in turn."""
    rows = [
        (f"P{p}", f"P{p}_W{w}", f"P{p}_W{w}_{s}", ("positive", "negative", "none")[w % 3], ("HRCE", "VERO")[p % 2])
        for p in range(1, plates + 1)
        for w in range(wells)
        for s in (1, 2)
    ]
    return pd.DataFrame(rows, columns=["plate_id", "well_id", "site_id", "control", "cell_type"])


def splits_of(sites: pd.DataFrame) -> pd.DataFrame:
    """Each plate is left out: trained on the controls of the others, tested on all its wells."""
    wells = sites.drop_duplicates("well_id")
    parts = []
    for plate in wells["plate_id"].unique():
        here = wells["plate_id"] == plate
        for part, chosen in (("train", ~here & (wells["control"] != "none")), ("test", here)):
            parts.append(wells.loc[chosen, ["well_id"]].assign(fold=plate, part=part))
    return pd.concat(parts, ignore_index=True).assign(question="controls", scheme="leave_plate_out")


SITES = screen()
SPLITS = splits_of(SITES)


def test_a_fold_is_labelled_by_its_training_wells_and_whole_wells_of_each_label_validate() -> None:
    labels = make_fold_labels(SITES, SPLITS, FOLD, held_out=0.3, seed=0)
    check(labels, LABELS, "labels")
    check_labels(labels, SITES, SPLITS, FOLD)
    joined = labels.merge(SITES, on="site_id")
    expected = {
        well
        for well, plate, control in SITES[["well_id", "plate_id", "control"]].itertuples(index=False)
        if plate != "P2" and control != "none"
    }
    assert set(joined["well_id"]) == expected
    assert (joined["label"] == joined["control"]).all()
    assert joined.groupby("well_id")["part"].nunique().max() == 1, "a well is not divided"
    validating = joined[joined["part"] == "validation"].groupby("label")["well_id"].nunique()
    assert validating.to_dict() == {"negative": 2, "positive": 2}, "0.3 of 6 wells of each"
    assert "validation" not in set(make_fold_labels(SITES, SPLITS, FOLD, held_out=0, seed=0)["part"])


def test_the_folds_of_some_schemes_come_in_the_order_of_the_splits() -> None:
    assert [of.fold for of in folds_among(SPLITS, Question.CONTROLS, ["leave_plate_out"])] == ["P1", "P2", "P3"]
    assert folds_among(SPLITS, Question.CONTROLS, ["quarter"]) == []
    assert folds_among(SPLITS, Question.CELL_TYPE, ["leave_plate_out"]) == []


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_planted_leak_is_found(part: str) -> None:
    """One site of a tested well among the labels, with its right label: as a mistake in code could put it there."""
    labels = make_fold_labels(SITES, SPLITS, FOLD, held_out=0.3, seed=0)
    leak = pd.DataFrame({"site_id": ["P2_W0_1"], "label": ["positive"], "part": [part], "plate_id": ["P2"]})
    with pytest.raises(
        LabelError,
        match="controls, leave_plate_out, fold P2: 1 well that it tests are among those trained on, the first: P2_W0",
    ):
        check_labels(pd.concat([labels, leak]), SITES, SPLITS, FOLD)


def test_wells_of_no_part_foreign_sites_and_wrong_labels_are_found() -> None:
    labels = make_fold_labels(SITES, SPLITS, FOLD, held_out=0.3, seed=0)
    treated = labels.iloc[:1].assign(site_id="P1_W2_1", label="none")
    for wrong, sentence in (
        (pd.concat([labels, treated]), "1 well trained on are none of its training wells, the first: P1_W2"),
        (
            labels.assign(site_id=labels["site_id"].replace("P1_W0_1", "X")),
            "1 labelled site not in the sites table, the first: X",
        ),
        (labels.assign(label="positive"), "are not those of the sites table, the first: of P1_W1_1"),
    ):
        with pytest.raises(LabelError, match=sentence):
            check_labels(wrong, SITES, SPLITS, FOLD)


def test_a_fold_of_one_class_and_one_that_is_not_there_are_refused_in_a_sentence() -> None:
    with pytest.raises(
        LabelError, match="fold P2: all 12 training wells are positive; telling classes apart needs two"
    ):
        make_fold_labels(SITES.assign(control="positive"), SPLITS, FOLD, held_out=0.3, seed=0)
    with pytest.raises(LabelError, match="fold P9: the splits have no training wells"):
        make_fold_labels(SITES, SPLITS, FoldOf(Question.CONTROLS, "leave_plate_out", "P9"), held_out=0.3, seed=0)
    with pytest.raises(LabelError, match="4 training wells of the splits have no sites, the first: P1_W0"):
        make_fold_labels(
            SITES[~SITES["well_id"].isin(["P1_W0", "P1_W1", "P3_W0", "P3_W1"])], SPLITS, FOLD, held_out=0.3, seed=0
        )
