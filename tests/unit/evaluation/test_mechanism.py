"""Mechanism of action by one nearest neighbour: against a computation by hand, on planted signals, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import Aggregate
from mechanism_inputs import SETTINGS, bbbc021, evaluated, noise, screen, signature


def by_hand(wells: pd.DataFrame, values: np.ndarray, *, without_batch: bool) -> dict[tuple[str, float], float]:
    """Share of right answers of every treatment that can be right: plain loops over wells, a query per treatment and batch."""
    right: dict[tuple[str, float], list[bool]] = {}
    keys = sorted(set(zip(wells["treatment"], wells["concentration_um"], wells["moa"], strict=True)))
    for name, dose, moa in keys:
        mine = (wells["treatment"] == name) & (wells["concentration_um"] == dose)
        for batch in sorted(set(wells["experiment"][mine])) if without_batch else [""]:
            query = values[mine & (wells["experiment"] == batch if without_batch else True)].mean(axis=0)
            best, possible = (np.inf, ""), False
            for other, other_dose, other_moa in keys:
                rows = (wells["treatment"] == other) & (wells["concentration_um"] == other_dose)
                rows &= wells["experiment"] != batch
                if other != name and rows.any():
                    candidate = values[rows].mean(axis=0)
                    cosine = query @ candidate / np.sqrt((query @ query) * (candidate @ candidate))
                    best, possible = min(best, (1 - cosine, other_moa)), possible or other_moa == moa
            if possible:
                right.setdefault((name, dose), []).append(best[1] == moa)
    return {key: float(np.mean(answers)) for key, answers in right.items()}


def random_screen(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Compounds of random mechanisms in one to three random batches of four; some signal, some noise."""
    rng = np.random.default_rng(seed)
    compounds = {f"c{i:02d}": f"m{rng.integers(5)}" for i in range(14)}
    weeks = np.array(["Week1", "Week2", "Week3", "Week10"])
    batches = {name: sorted(rng.choice(weeks, rng.integers(1, 4), replace=False)) for name in compounds}
    wells = screen(compounds, batches, doses=2)
    return wells, signature(wells, "moa", 0.6) + signature(wells, "experiment", 0.7, 1) + noise(wells, 2.0, seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_numbers_are_those_of_plain_loops(tmp_path: Path, seed: int) -> None:
    """Random data with a little signal, compounds in several batches; all three averages, NSC and NSCB."""
    wells, values = random_screen(seed)
    numbers, _, _ = evaluated(tmp_path, wells, values.astype(np.float32))
    mechanism = dict(zip(wells["treatment"], wells["moa"], strict=True))
    for scheme in ("nsc", "nscb"):
        shares = pd.Series(by_hand(wells, values.astype(np.float32), without_batch=scheme == "nscb"))
        compounds = shares.groupby(level=0).mean()
        balanced = shares.groupby(lambda key: mechanism[key[0]]).mean()
        mine = numbers.loc[f"{scheme}:MCF7"]
        assert mine.loc["accuracy", "value"] == pytest.approx(shares.mean())
        assert mine.loc["compound_accuracy", "value"] == pytest.approx(compounds.mean())
        assert mine.loc["balanced_accuracy", "value"] == pytest.approx(balanced.mean())
        assert mine.loc["accuracy", "n"] == len(shares)
        assert mine.loc["accuracy", "units"] == len(compounds)
        assert 0 < shares.mean() < 1  # or the comparison would say little


def test_planted_mechanisms_are_all_found(tmp_path: Path) -> None:
    wells = bbbc021()
    numbers, treatments, confusion = evaluated(tmp_path, wells, signature(wells, "moa") + noise(wells, 0.01))
    for split in ("nsc:MCF7", "nscb:MCF7"):
        for metric in ("accuracy", "compound_accuracy", "balanced_accuracy"):
            row = numbers.loc[(split, metric)]
            assert (row["value"], row["high"], row["n"]) == (1.0, 1.0, 24)
            assert 0.6 < row["low"] < 0.8  # Wilson's interval of 12 compounds, not of 24 treatments
        assert numbers.loc[(split, "accuracy_p"), "value"] == 0.01  # 1 / (1 + 99)
        assert 0.1 < numbers.loc[(split, "accuracy_chance"), "value"] < 0.3
    assert treatments["correct"].all()
    assert (confusion.loc[confusion["true"] == confusion["predicted"], "count"] == 6).all()
    assert (confusion.loc[confusion["true"] != confusion["predicted"], "count"] == 0).all()


def test_a_compounds_own_signature_is_worth_nothing(tmp_path: Path) -> None:
    """All doses of a compound look alike and unlike all others: with the same compound among candidates all would be right."""
    wells = bbbc021(compounds=24)
    found: dict[str, list[float]] = {"nsc:MCF7": [], "nscb:MCF7": []}
    for seed in range(8):
        numbers, _, _ = evaluated(tmp_path, wells, signature(wells, "treatment", seed=seed) + noise(wells, 0.1))
        for split, excess in found.items():
            by_chance = numbers.loc[(split, "accuracy_chance"), "value"]
            assert 0.15 < by_chance < 0.3  # four mechanisms
            excess.append(numbers.loc[(split, "accuracy"), "value"] - by_chance)
    for excess in found.values():
        assert abs(np.mean(excess)) < 0.1  # standard error 0.03


def test_a_batch_that_goes_with_mechanisms_is_seen_by_nsc_alone(tmp_path: Path) -> None:
    """Three of four compounds of a mechanism share its batch, and profiles show the batch alone."""
    compounds = {f"c{i:02d}": f"m{i % 6}" for i in range(24)}
    batches = {name: [f"Week{(i % 6 + (i >= 18)) % 6}"] for i, name in enumerate(compounds)}
    wells = screen(compounds, batches)
    values = signature(wells, "experiment", seed=2) + noise(wells, 0.05)
    numbers, _, _ = evaluated(tmp_path, wells, values)
    assert numbers.loc[("nsc:MCF7", "accuracy"), "value"] > 0.5
    assert numbers.loc[("nsc:MCF7", "accuracy_p"), "value"] == 0.01
    of_nscb = numbers.loc["nscb:MCF7"]
    assert of_nscb.loc["accuracy", "value"] <= of_nscb.loc["accuracy_chance", "high"]
    assert of_nscb.loc["accuracy_p", "value"] > 0.05


def test_a_treatment_in_every_batch_asks_batch_by_batch_and_answers_from_the_other_batches(tmp_path: Path) -> None:
    """`taxol` in both weeks. In Week1 its wells show the batch of `a` too, so that only wells of Week2 may answer `a`."""
    compounds = {"taxol": "s", "a": "s", "b": "s", "x": "t", "y": "t"}
    both = ["Week1", "Week2"]
    wells = screen(compounds, {"taxol": both, "a": ["Week1"], "b": ["Week2"], "x": ["Week1"], "y": ["Week2"]}, doses=1)
    values = np.zeros((len(wells), 16))
    week1 = (wells["experiment"] == "Week1").to_numpy()
    for name, (first, second) in {"taxol": (0, 1), "a": (0, 0), "b": (1, 1), "x": (3, 3), "y": (3, 3)}.items():
        mine = (wells["treatment"] == name).to_numpy()
        values[mine & week1, first] = values[mine & ~week1, second] = 1
    values[(wells["treatment"] == "y").to_numpy(), 0] = 0.5
    _, treatments, _ = evaluated(tmp_path, wells, values)
    nscb = treatments[treatments["scheme"] == "nscb"]
    taxol = nscb[nscb["treatment"] == "taxol"]
    assert taxol["batch"].tolist() == both
    assert taxol["weight"].tolist() == [0.5, 0.5]
    assert taxol["wells"].tolist() == [3, 3]
    assert taxol["nearest"].tolist() == ["y", "a"]  # of a and x, as far apart, the first by name
    a = nscb[nscb["treatment"] == "a"].iloc[0]
    assert a["nearest"] == "y"  # by the mean of all wells of taxol, or by those of Week1, it would be taxol
    of_nsc = treatments[(treatments["scheme"] == "nsc") & (treatments["treatment"] == "a")].iloc[0]
    assert of_nsc["nearest"] == "taxol"
    assert of_nsc["batch"] is None


def test_what_cannot_be_matched_is_named_and_not_counted(tmp_path: Path) -> None:
    """A compound alone in its mechanism answers, and does not ask; a mechanism of one batch asks under NSC alone."""
    compounds = {"a": "m", "b": "m", "c": "one batch", "d": "one batch", "e": "alone", "f": ""}
    batches = {"a": ["Week1"], "b": ["Week2"], "c": ["Week1"], "d": ["Week1"], "e": ["Week2"], "f": ["Week1"]}
    wells = screen(compounds, batches)
    numbers, treatments, confusion = evaluated(tmp_path, wells, signature(wells, "treatment") + noise(wells, 0.1))
    assert numbers.loc[("nsc:MCF7", "accuracy"), "n"] == 8
    assert numbers.loc[("nscb:MCF7", "accuracy"), "n"] == 4
    reasons = treatments.drop_duplicates(["scheme", "treatment"]).set_index(["scheme", "treatment"])["left_out"]
    assert reasons["nsc"].dropna().to_dict() == {"e": "no other compound has its mechanism"}
    one_batch = "no other compound of its mechanism is in another batch"
    assert reasons["nscb"].dropna().to_dict() == {
        "c": one_batch,
        "d": one_batch,
        "e": "no other compound has its mechanism",
    }
    assert "f" not in set(treatments["treatment"]) | set(treatments["nearest"])
    assert "e" in set(treatments["nearest"])  # a wrong answer that was possible
    assert set(confusion.loc[(confusion["count"] > 0) & (confusion["scheme"] == "nscb"), "true"]) == {"m"}


def test_one_batch_has_no_nscb(tmp_path: Path) -> None:
    wells = bbbc021(batches=1)
    numbers, treatments, _ = evaluated(tmp_path, wells, signature(wells, "moa") + noise(wells, 0.1))
    assert set(numbers.index.get_level_values("split")) == {"nsc:MCF7"}
    assert treatments.loc[treatments["scheme"] == "nscb", "left_out"].notna().all()


def test_control_wells_count_only_if_that_is_set(tmp_path: Path) -> None:
    """BBBC021 has taxol on every plate: by default its control wells change nothing."""
    compounds = {"taxol": "stabilisers", "docetaxel": "stabilisers", "x": "m", "y": "m"}
    batches = {"taxol": ["Week1"], "docetaxel": ["Week2"], "x": ["Week1"], "y": ["Week2"]}
    wells = screen(compounds, batches, controls=2)
    taxol = (wells["treatment"] == "taxol") & (wells["control"] == "none")
    wells.loc[taxol, "concentration_um"] = wells.loc[taxol, "concentration_um"].replace(1.0, 0.3)
    values = signature(wells, "moa") + noise(wells, 0.1)
    _, without, _ = evaluated(tmp_path, wells, values)
    _, alone, _ = evaluated(
        tmp_path, wells[wells["control"] == "none"], values[(wells["control"] == "none").to_numpy()]
    )
    pd.testing.assert_frame_equal(without, alone)
    given = SETTINGS.model_copy(update={"mechanism_controls": True})
    _, with_controls, _ = evaluated(tmp_path, wells, values, given)
    mine = with_controls[(with_controls["treatment"] == "taxol") & (with_controls["concentration_um"] == 0.3)]
    assert mine[["scheme", "wells"]].to_numpy().tolist() == [["nsc", 15], ["nscb", 9], ["nscb", 6]]
    assert not set(with_controls["treatment"]) & {"DMSO"}


def test_the_median_of_wells_withstands_one_that_is_far_off(tmp_path: Path) -> None:
    wells = bbbc021()
    values = signature(wells, "moa") + noise(wells, 0.01)
    far = wells["plate_id"].str.endswith("_2").to_numpy()
    values[far] += 100 * signature(wells, "well_id", seed=5)[far]
    by_mean, _, _ = evaluated(tmp_path, wells, values)
    median = SETTINGS.model_copy(update={"mechanism_aggregate": Aggregate.MEDIAN})
    by_median, _, _ = evaluated(tmp_path, wells, values, median)
    assert by_mean.loc[("nsc:MCF7", "accuracy"), "value"] < 0.7
    assert by_median.loc[("nsc:MCF7", "accuracy"), "value"] == 1.0


def test_equal_distances_are_decided_by_name_and_dose_not_by_order_or_rounding(tmp_path: Path) -> None:
    wells = screen({"q": "m", "b": "n", "a": "m", "c": "n"}, {name: ["Week1"] for name in "qabc"})
    values = np.tile(signature(wells, "cell_type"), (1, 1)) * np.linspace(0.3, 3, len(wells))[:, None]
    _, treatments, _ = evaluated(tmp_path, wells, values)
    mirrored, shuffled = wells.iloc[::-1], values[::-1]
    _, again, _ = evaluated(tmp_path, mirrored, shuffled)
    nearest = treatments[treatments["scheme"] == "nsc"].groupby("treatment")["nearest"].unique()
    assert {name: list(found) for name, found in nearest.items()} == {"a": ["b"], "b": ["a"], "c": ["a"], "q": ["a"]}
    assert (treatments["nearest_concentration_um"].dropna() == 1.0).all()
    pd.testing.assert_frame_equal(treatments.drop(columns="distance"), again.drop(columns="distance"))


def test_a_profile_without_direction_is_left_out_and_answers_nobody(tmp_path: Path) -> None:
    wells = bbbc021()
    values = signature(wells, "moa") + noise(wells, 0.01)
    values[(wells["treatment"] == "compound 00").to_numpy()] = 0
    numbers, treatments, _ = evaluated(tmp_path, wells, values)
    mine = treatments[treatments["treatment"] == "compound 00"]
    assert set(mine["left_out"]) == {"its profile is zero, so that it has no direction"}
    assert mine["nearest"].isna().all()
    assert "compound 00" not in set(treatments["nearest"])
    assert numbers.loc[("nsc:MCF7", "accuracy"), "n"] == 22


def test_cell_types_are_asked_by_themselves(tmp_path: Path) -> None:
    """The same treatments in two cell types that look alike in everything but the mechanism."""
    wells = pd.concat([bbbc021(), bbbc021().assign(cell_type="A549")], ignore_index=True)
    second = wells["cell_type"] == "A549"
    wells.loc[second, "well_id"] += "_A549"
    values = np.where(second.to_numpy()[:, None], signature(wells, "treatment", seed=1), signature(wells, "moa"))
    numbers, _, _ = evaluated(tmp_path, wells, values + noise(wells, 0.01))
    assert numbers.loc[("nsc:MCF7", "accuracy"), "value"] == 1.0
    assert numbers.loc[("nsc:A549", "accuracy"), "value"] < 0.7
    assert (numbers["n"] == 24).all()
