"""`gandl check` proposes negative controls as reference where every plate has enough, and warns of treated wells as reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import read_sites, write_plate
from gandl.check.configuration import suggest, write_configuration
from gandl.check.normalisation import choose_normalisation, warnings_of
from gandl.check.plates import check_plates
from gandl.config import Normalization, PlatesSettings
from gandl.config.files import read_config
from plate_files import write_csv, write_six_channel_plates
from table_rows import site_row

UNLABELLED, MOCK, NONE = Normalization.UNLABELLED, Normalization.MOCK, Normalization.NONE
NEGATIVE, CROSSFIT = Normalization.NEGATIVE, Normalization.NEGATIVE_CROSSFIT


def plates(
    negative: int = 8,
    treated: int = 12,
    untreated: int = 0,
    count: int = 2,
    vehicle: str | None = None,
    positive: int = 8,
) -> pd.DataFrame:
    """Plates of eight rows with so many wells of a kind each, dealt to the rows; C- are given a vehicle, if it has a name."""
    rows = []
    for plate in range(1, count + 1):
        kinds = [("positive", "x", "treated")] * positive + [
            ("negative", vehicle, "treated" if vehicle else "untreated")
        ] * negative
        kinds += [("none", f"t{i}", "treated") for i in range(treated)] + [("none", None, "untreated")] * untreated
        for i, (control, treatment, condition) in enumerate(kinds):
            about = {"control": control, "treatment": treatment, "condition": condition, "cell_type": "U2OS"}
            rows.append(site_row("lab", plate, f"{'ABCDEFGH'[i % 8]}{i // 8 + 1:02d}", **about))
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        (plates(), [CROSSFIT, NEGATIVE, UNLABELLED, NONE]),
        (plates(negative=7), [UNLABELLED, CROSSFIT, NEGATIVE, NONE]),
        (plates(negative=3), [UNLABELLED, NEGATIVE, NONE]),
        (plates(negative=2), [UNLABELLED, NONE]),
        (plates(treated=2), [CROSSFIT, NEGATIVE, NONE]),
        (plates(vehicle="DMSO"), [CROSSFIT, NEGATIVE, UNLABELLED, NONE]),
        (plates(untreated=4), [CROSSFIT, NEGATIVE, UNLABELLED, MOCK, NONE]),
        (plates(vehicle="DMSO", untreated=4), [CROSSFIT, NEGATIVE, UNLABELLED, MOCK, NONE]),
        (plates(count=1), [CROSSFIT, NEGATIVE, UNLABELLED, NONE]),
        (plates(negative=2, treated=2), [NONE]),
        (plates(negative=3, treated=2), [NONE, NEGATIVE]),
    ],
)
def test_methods_are_those_that_every_plate_allows_the_proposed_one_first(
    sites: pd.DataFrame, expected: list[Normalization]
) -> None:
    assert list(choose_normalisation(sites, scored=True).methods) == expected


def test_one_plate_with_few_negative_controls_decides() -> None:
    sites = plates()
    sites.loc[(sites["plate"] == 2) & (sites["control"] == "negative") & (sites["row"] == "A"), "control"] = "none"
    choice = choose_normalisation(sites, scored=True)
    assert choice.methods[0] is UNLABELLED
    assert "since plate lab_2 has 7 negative control wells and 8 are wanted" in choice.reasons[0]


def test_controls_that_are_not_scored_need_no_cross_fitting() -> None:
    choice = choose_normalisation(plates(positive=0), scored=False)
    assert choice.methods == (NEGATIVE, UNLABELLED, NONE)
    assert choice.reasons == (
        "Plate effects are removed by `negative`: each plate in units of its negative control wells (at least 8 on every plate).",
    )


def test_a_plate_row_with_most_negative_controls_leaves_cross_fitting_out() -> None:
    """Without row A two negative controls are left: too few to standardise what is trained on."""
    sites = plates(count=1, negative=10)
    sites.loc[sites["control"] == "negative", "row"] = ["A"] * 8 + ["B", "C"]
    choice = choose_normalisation(sites, scored=True)
    assert choice.methods == (UNLABELLED, NEGATIVE, NONE)
    reason, warning = choice.reasons
    assert (
        "since the negative controls are scored, and without those that are tested a fold has too few of them" in reason
    )
    assert "`negative` is shown for comparison alone: wells that are scored are among its reference" in reason
    assert "an AUC of 0.84, where 0.5 is right" in reason
    assert "and negative controls that are tested cannot be left out of their reference" in warning
    assert "Spread the controls over the rows and columns of every plate, or compare the normalisations" in warning
    assert warnings_of(sites) == [warning], "enough of them do not help where they cannot be left out"


def test_plates_with_more_negative_controls_than_that_in_one_row_are_never_scored_by_their_own_reference() -> None:
    sites = plates(count=1, negative=10, treated=0, untreated=2)
    sites.loc[sites["control"] == "negative", "row"] = ["A"] * 8 + ["B", "C"]
    choice = choose_normalisation(sites, scored=True)
    assert choice.methods[:2] == (NONE, NEGATIVE)
    assert "and wells that are not controls are too few" in choice.reasons[0]
    assert choose_normalisation(sites, scored=False).methods[0] is NEGATIVE


def test_the_reason_names_the_reference_and_what_it_is_compared_with() -> None:
    choice = choose_normalisation(plates(negative=24), scored=True)
    assert choice.reasons == (
        "Plate effects are removed by `negative_crossfit`: each plate in units of its negative control wells (at least 24 on "
        "every plate), without those that are being scored. For comparison the report also shows `negative`, `unlabelled`, "
        "`none`, and says whether the order of the featurizers depends on the choice.",
    )


def test_mostly_treated_wells_as_reference_are_warned_of() -> None:
    sites = plates(negative=6, treated=12, untreated=3)
    sites.loc[(sites["plate"] == 1) & sites["treatment"].isin(["t0", "t1", "t2", "t3", "t4"]), "treatment"] = None
    (warning,) = warnings_of(sites)
    assert warning.startswith(
        "80 % of the wells of plate lab_2 that are not controls have a treatment, and plate lab_1 has 6 neg"
    )
    assert "the featurizer that looks best may not be" in warning
    assert choose_normalisation(sites, scored=True).reasons[1:] == (warning,)


@pytest.mark.parametrize(
    "sites", [plates(negative=8), plates(negative=6, treated=6, untreated=6), plates(positive=0, negative=2)]
)
def test_nothing_is_warned_of_where_the_reference_is_sound_or_nothing_is_ranked(sites: pd.DataFrame) -> None:
    assert warnings_of(sites) == []
    assert len(choose_normalisation(sites, scored=True).reasons) == 1


def test_bbbc013_would_be_standardised_on_its_untreated_wells(tmp_path: Path) -> None:
    sites = read_sites(write_plate(tmp_path)[0])
    assert choose_normalisation(sites, scored=True).methods == (CROSSFIT, NEGATIVE, UNLABELLED, NONE)


def test_the_configuration_holds_the_methods_and_the_reasons(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab")
    lines = pd.read_csv(table, dtype=str, keep_default_na=False)
    few = suggest(check_plates(table), PlatesSettings(table=str(table)))
    assert few.config.normalization.method is UNLABELLED
    assert any(reason.startswith("100 % of the wells of plate lab_1 that are not") for reason in few.reasons)
    treated = lines.index[lines["treatment"] == "drug A"]
    doses = np.array([lines.loc[i, "concentration_um"] for i in treated])
    lines.loc[treated[doses == doses[0]], ["control", "treatment", "concentration_um"]] = ["negative", "", ""]
    table = write_csv(tmp_path / "lab/more.csv", lines.to_dict("records"))
    settings = PlatesSettings(table=str(table))
    report = check_plates(settings)
    assert report.notes == ()
    write_configuration(report, settings, tmp_path / "mine.yaml")
    config = read_config(tmp_path / "mine.yaml")
    assert config.normalization.method is CROSSFIT
    assert config.normalization.methods == [CROSSFIT, NEGATIVE, UNLABELLED, NONE]
    assert "# Plate effects are removed by `negative_crossfit`: each plate" in (tmp_path / "mine.yaml").read_text()
