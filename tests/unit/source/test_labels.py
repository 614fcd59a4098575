"""Labels of siRNAs: who validates is whole experiments, else plates, else wells, and every label keeps some training."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from gandl.source.labels import LabelError, Unit, make_labels, write_labels
from gandl.tables import LABELS, SITES, read_table, write_table
from table_rows import site_row


def sites(
    experiments: int, plates: int, wells: int, sirnas: int, cells: tuple[str, ...] = ("HUVEC", "RPE")
) -> pd.DataFrame:
    """Two sites per well; siRNAs go round within each plate, from another start on each."""
    rows = [
        (
            cell,
            f"{cell}-{e}",
            f"{cell}-{e}_{p}",
            f"{cell}-{e}_{p}_W{w}",
            f"{cell}-{e}_{p}_W{w}_{s}",
            (w + p * wells) % sirnas,
        )
        for cell in cells
        for e in range(experiments)
        for p in range(plates)
        for w in range(wells)
        for s in (1, 2)
    ]
    table = pd.DataFrame(rows, columns=["cell_type", "experiment", "plate_id", "well_id", "site_id", "sirna_id"])
    return table.astype({"sirna_id": "Int64"}).assign(control="none")


def test_one_experiment_of_each_cell_type_validates() -> None:
    screen = sites(experiments=4, plates=2, wells=3, sirnas=6)
    table, unit = make_labels(screen, held_out=0.05, seed=0)
    assert unit is Unit.EXPERIMENTS
    joined = table.merge(screen, on="site_id")
    held = joined[joined["part"] == "validation"]
    assert held.groupby("cell_type")["experiment"].nunique().to_dict() == {"HUVEC": 1, "RPE": 1}
    assert not set(held["experiment"]) & set(joined.loc[joined["part"] == "train", "experiment"])
    assert (table["label"] == screen["sirna_id"].astype(str)).all()
    half, _ = make_labels(screen, held_out=0.5, seed=0)
    assert (half["part"] == "validation").mean() == 0.5


def test_with_one_experiment_a_cell_type_plates_validate_where_they_repeat_their_labels() -> None:
    _, unit = make_labels(sites(experiments=1, plates=3, wells=6, sirnas=6), held_out=0.1, seed=0)
    assert unit is Unit.PLATES


def test_where_a_plate_alone_has_a_label_wells_validate_and_each_label_keeps_one() -> None:
    screen = sites(experiments=1, plates=3, wells=4, sirnas=12, cells=("HUVEC",))
    screen = pd.concat([screen, screen[:4].assign(**{name: screen[name][:4] + "x" for name in ("well_id", "site_id")})])
    table, unit = make_labels(screen, held_out=0.1, seed=0)
    assert unit is Unit.WELLS
    assert set(table.loc[table["part"] == "train", "label"]) == set(table["label"])
    assert set(table.loc[table["part"] == "validation", "label"]) == {"0", "1"}, "the two that have two wells"


def test_nothing_is_held_out_where_none_is_requested_or_possible() -> None:
    screen = sites(experiments=2, plates=1, wells=3, sirnas=3)
    assert make_labels(screen, held_out=0.0, seed=0)[1] is None
    alone = sites(experiments=1, plates=1, wells=3, sirnas=3, cells=("HUVEC",))
    table, unit = make_labels(alone, held_out=0.3, seed=0)
    assert unit is None
    assert (table["part"] == "train").all()


def test_sites_whose_sirna_is_not_published_are_left_out() -> None:
    screen = sites(experiments=2, plates=1, wells=3, sirnas=3)
    screen.loc[:3, "sirna_id"] = pd.NA
    table, _ = make_labels(screen, held_out=0.0, seed=0)
    assert len(table) == len(screen) - 4


def test_a_screen_without_labels_to_tell_apart_is_refused() -> None:
    screen = sites(experiments=2, plates=1, wells=3, sirnas=3)
    with pytest.raises(LabelError, match="the screen has no siRNAs"):
        make_labels(screen.drop(columns="sirna_id"), held_out=0.1, seed=0)
    with pytest.raises(LabelError, match=r"all sites have the same siRNA \(5\)"):
        make_labels(screen.assign(sirna_id=5), held_out=0.1, seed=0)


def test_the_log_states_the_share_that_whole_experiments_make(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two experiments of a cell type: a share of 0.05 holds one of them out, half of all sites."""
    rows = [
        site_row(f"{cell}-0{e}", 1, f"B0{w}", site, control="positive" if w == 3 else "none")
        for cell in ("HUVEC", "RPE")
        for e in (1, 2)
        for w in (1, 2, 3)
        for site in (1, 2)
    ]
    table = pd.DataFrame(rows)
    write_table(table.assign(sirna_id=table["column"].astype("Int64")), tmp_path / "sites.parquet", SITES)
    with caplog.at_level(logging.INFO):
        unit = write_labels(tmp_path / "sites.parquet", tmp_path / "labels.parquet", held_out=0.05, seed=0)
    assert unit is Unit.EXPERIMENTS
    labels = read_table(tmp_path / "labels.parquet", LABELS)
    held = sorted(set(labels.loc[labels["part"] == "validation", "plate_id"].str.removesuffix("_1")))
    assert f"24 sites of 3 labels; 12 sites, 50.0 %, of 2 of 4 experiments ({', '.join(held)}) validate" in caplog.text
    assert "held_out 0.05, rounded to whole experiments, at least one" in caplog.text
    assert set(labels.loc[labels["control"] == "positive", "label"]) == {"3"}
