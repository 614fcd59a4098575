"""The simulated screens before any image is drawn: plates in the real proportions, compounds, and the truth of every well."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator import rxrx1, rxrx19a
from gandl.source.simulator.chemistry import DOSES_UM, GS_441524, NAMED, POLYDATIN, REMDESIVIR, Kind, draw_library
from gandl.source.simulator.layout import (
    RXRX1_GRID,
    LayoutError,
    Role,
    positions,
    rxrx1_plate,
    rxrx19a_plate,
    sites_of_simulation,
)
from gandl.source.simulator.plan import (
    files_of_simulation,
    mirror_in_use,
    mirror_of,
    plates_of_simulation,
    stores_of_simulation,
)

LARGE = SimulationSettings(hrce_plates=8, vero_plates=4, compounds=15)


def truth_of(settings: SimulationSettings) -> pd.DataFrame:
    """The truth of the drug screen without drawing it."""
    wells = rxrx19a.true_wells(rxrx19a.screen_of(settings))
    return rxrx19a.truth_table(wells, [0.0] * len(wells))


class TestPlan:
    def test_a_store_is_a_plate_of_rxrx19a_and_an_experiment_of_rxrx1(self) -> None:
        assert stores_of_simulation(SimulationSettings(hrce_plates=2, vero_plates=1), Dataset.RXRX19A) == [
            "HRCE-1_1", "HRCE-1_2", "HRCE-2_1", "HRCE-2_2", "VERO-1_1", "VERO-2_1",
        ]  # fmt: skip
        assert stores_of_simulation(SimulationSettings(rxrx1_experiments=2), Dataset.RXRX1) == [
            "HEPG2-01", "HEPG2-02", "HUVEC-01", "HUVEC-02", "RPE-01", "RPE-02", "U2OS-01", "U2OS-02",
        ]  # fmt: skip

    def test_archives_lie_at_their_official_paths(self) -> None:
        found = files_of_simulation(Dataset.RXRX19A)
        assert str(found.metadata) == "storage.googleapis.com/rxrx/RxRx19a/RxRx19a-metadata.zip"
        assert str(found.images) == "storage.googleapis.com/rxrx/RxRx19a/RxRx19a-images.zip"
        assert str(files_of_simulation(Dataset.RXRX1).images) == "storage.googleapis.com/rxrx/rxrx1/rxrx1-images.zip"

    @pytest.mark.parametrize("dataset", [Dataset.RXRX19A, Dataset.RXRX1])
    @pytest.mark.parametrize("mirror", ["results/run/source/simulator", "/data/a folder"])
    def test_the_mirror_is_the_folder_above_the_official_path(self, mirror: str, dataset: Dataset) -> None:
        files = files_of_simulation(dataset)
        for location in (files.metadata, files.images):
            assert mirror_of(Path(mirror) / location) == mirror
            assert mirror_in_use("https://example.org", f"{mirror}/{location}") == mirror

    @pytest.mark.parametrize("simulated", [None, "", []])
    def test_a_run_without_simulated_files_uses_the_configured_mirror(self, simulated) -> None:
        """Snakemake gives an empty list for an input that a rule does not have."""
        assert mirror_in_use("https://example.org", simulated) == "https://example.org"
        assert mirror_in_use(None, simulated) is None

    def test_a_file_at_another_place_has_no_mirror(self) -> None:
        with pytest.raises(
            ValueError, match=r"rxrx1-images\.zip does not lie at <mirror>/storage\.googleapis\.com/rxrx"
        ):
            mirror_of("downloads/rxrx1-images.zip")

    @pytest.mark.parametrize("settings", [SimulationSettings(), LARGE])
    def test_the_number_of_sites_is_known_beforehand(self, settings: SimulationSettings) -> None:
        wells = rxrx19a.true_wells(rxrx19a.screen_of(settings))
        assert sites_of_simulation(settings, Dataset.RXRX19A) == len(wells) * settings.sites
        assert sites_of_simulation(settings, Dataset.RXRX1) == 2 * len(rxrx1.true_wells(rxrx1.screen_of(settings)))

    def test_another_screen_is_not_simulated(self) -> None:
        with pytest.raises(ValueError, match="bbbc013 is not simulated; there are rxrx19a, rxrx1"):
            stores_of_simulation(LARGE, Dataset.BBBC013)

    def test_the_plan_imports_nothing_heavy(self) -> None:
        code = "import sys, gandl.source.simulator.plan; print(sorted({'numpy', 'pandas', 'scipy'} & set(sys.modules)))"
        reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert reported.stdout.strip() == "[]"


class TestLayout:
    def test_as_many_compounds_as_the_real_plates_hold_give_the_real_plate(self) -> None:
        wells = rxrx19a_plate([f"c{i}" for i in range(98)], np.random.default_rng(0))
        assert Counter(well.role for well in wells) == {
            Role.TREATED: 1_176, Role.INFECTED: 54, Role.MOCK: 40, Role.UV: 40, Role.EMPTY: 30,
        }  # fmt: skip
        names = {well.position.name for well in wells}
        assert len(names) == 1_340
        assert {"B02", "Z10", "AA02", "AE36"} <= names

    @pytest.mark.parametrize(
        ("compounds", "wells"), [(7, (84, 4, 3, 3, 2)), (3, (36, 3, 2, 2, 2)), (20, (240, 11, 8, 8, 6))]
    )
    def test_small_plates_keep_the_proportions_and_a_spread_of_controls(
        self, compounds: int, wells: tuple[int, ...]
    ) -> None:
        plate = rxrx19a_plate([f"c{i}" for i in range(compounds)], np.random.default_rng(0))
        roles = Counter(well.role for well in plate)
        found = tuple(roles[role] for role in (Role.TREATED, Role.INFECTED, Role.MOCK, Role.UV, Role.EMPTY))
        assert found == wells

    def test_every_compound_and_dose_has_two_wells_on_every_plate_in_other_places(self) -> None:
        plates = [rxrx19a_plate(["a", "b", "c"], np.random.default_rng(seed)) for seed in range(3)]
        for plate in plates:
            groups = Counter((well.compound, well.concentration_um) for well in plate if well.role is Role.TREATED)
            assert set(groups.values()) == {2}
            assert set(groups) == {(compound, dose) for compound in "abc" for dose in DOSES_UM}
        places = [[well.position.name for well in plate if well.compound == "a"] for plate in plates]
        assert places[0] != places[1] != places[2] != places[0]

    def test_the_distance_to_the_edge_counts_wells(self) -> None:
        distance = {place.name: place.edge_distance for place in positions(54, RXRX1_GRID)}  # 6 rows of 9
        assert next(iter(distance)) == "B02"
        assert list(distance)[-1] == "G10"
        assert (distance["B02"], distance["C03"], distance["D06"], distance["F09"], distance["G10"]) == (0, 1, 2, 1, 0)

    def test_a_full_plate_of_sirnas_has_the_308_wells_of_the_real_one(self) -> None:
        names = [f"s{i}" for i in range(307)]
        wells = rxrx1_plate(names[:277], names[277:], "EMPTY", np.random.default_rng(0))
        assert len({well.position.name for well in wells}) == 308
        assert {wells[0].position.name, wells[-1].position.name} == {"B02", "O23"}
        assert (wells[0].role, wells[0].sirna) == (Role.NEGATIVE_CONTROL, "EMPTY")

    def test_more_than_a_plate_holds_is_refused(self) -> None:
        with pytest.raises(LayoutError, match=r"wells do not fit a plate of 1,380; request fewer compounds or siRNAs"):
            rxrx19a_plate([f"c{i}" for i in range(102)], np.random.default_rng(0))
        with pytest.raises(LayoutError, match="rxrx1_sirnas is 278; a set of the real screen has 277"):
            rxrx1.true_wells(rxrx1.screen_of(SimulationSettings(rxrx1_sirnas=278)))
        with pytest.raises(LayoutError, match="sites is 5; a well of rxrx19a has at most 4"):
            rxrx19a.screen_of(SimulationSettings(sites=5))


class TestChemistry:
    names = (*NAMED, *(f"Simulated compound {i:02d}" for i in range(1, 9)))

    def test_the_two_drugs_work_in_both_cell_types_at_other_doses_and_polydatin_in_none(self) -> None:
        library = draw_library(list(self.names), ("HRCE", "VERO"), np.random.default_rng(0))
        for drug in (REMDESIVIR, GS_441524):
            doses = [library[cell_type, drug].ec50_um for cell_type in ("HRCE", "VERO")]
            assert all(dose is not None and min(DOSES_UM) < dose < max(DOSES_UM) for dose in doses)
            assert doses[0] != doses[1]
        assert library["HRCE", POLYDATIN].kind is library["VERO", POLYDATIN].kind is Kind.INACTIVE

    def test_every_four_other_compounds_hold_each_kind(self) -> None:
        library = draw_library(list(self.names), ("HRCE", "VERO"), np.random.default_rng(0))
        for four in (self.names[3:7], self.names[7:11]):
            for cell_type in ("HRCE", "VERO"):
                kinds = Counter(library[cell_type, name].kind for name in four)
                assert kinds == {Kind.ACTIVE: 1, Kind.INACTIVE: 2, Kind.TOXIC: 1}

    def test_an_active_compound_rescues_half_of_its_top_at_its_ec50(self) -> None:
        compound = draw_library(list(self.names), ("HRCE",), np.random.default_rng(0))["HRCE", REMDESIVIR]
        assert compound.ec50_um is not None
        assert compound.top is not None
        assert compound.severity(compound.ec50_um) == pytest.approx(1 - compound.top / 2)
        assert compound.severity(1e-9) == pytest.approx(1)
        assert compound.severity(1e9) == pytest.approx(1 - compound.top)

    def test_a_toxic_compound_harms_more_with_the_dose_and_rescues_nothing(self) -> None:
        library = draw_library(list(self.names), ("HRCE",), np.random.default_rng(0))
        toxic = next(compound for compound in library.values() if compound.kind is Kind.TOXIC)
        harm = [toxic.toxicity(dose) for dose in DOSES_UM]
        assert harm == sorted(harm)
        assert harm[0] < 0.02
        assert harm[-1] > 0.7
        assert {toxic.severity(dose) for dose in DOSES_UM} == {1.0}


class TestTruth:
    def test_severity_spreads_by_a_tenth_of_its_range_around_what_is_expected_in_controls_as_in_treated_wells(
        self,
    ) -> None:
        truth = truth_of(LARGE)
        noise = truth["severity"] - truth["severity_expected"]
        groups = truth["condition"].where(truth["compound"].isna(), "treated")
        assert set(groups) == {"treated", "infected", "mock", "uv_inactivated", "unknown"}
        for _, values in noise.groupby(groups):
            assert values.std() > 0.09
            assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
        assert noise.std() >= 0.1

    def test_untreated_wells_are_healthy_or_fully_infected(self) -> None:
        truth = truth_of(LARGE)
        untreated = truth[truth["compound"].isna()]
        expected = untreated.groupby("condition")["severity_expected"].agg(["min", "max"])
        assert (expected.loc["infected"] == 1).all()
        assert (expected.drop("infected") == 0).all(axis=None)

    def test_only_active_compounds_have_an_ec50_within_the_doses_and_only_treated_wells_a_kind(self) -> None:
        truth = truth_of(LARGE)
        active = truth["kind"] == "active"
        assert truth.loc[active, "ec50_um"].between(min(DOSES_UM), max(DOSES_UM)).all()
        assert truth.loc[~active, ["ec50_um", "hill_slope", "top"]].isna().all(axis=None)
        assert (truth["kind"].isna() == truth["compound"].isna()).all()
        per_compound = truth[active].groupby(["cell_type", "compound"])[["ec50_um", "hill_slope", "top"]].nunique()
        assert (per_compound == 1).all(axis=None)

    def test_the_named_compounds_are_in_every_experiment_and_the_others_in_one_per_cell_type(self) -> None:
        truth = truth_of(LARGE).dropna(subset="compound")
        truth["experiment"] = truth["well_id"].str.split("_").str[0]
        experiments = truth.groupby(["cell_type", "compound"])["experiment"].nunique()
        named = experiments.index.get_level_values("compound").isin(NAMED)
        assert (experiments[named] == 2).all()
        assert (experiments[~named] == 1).all()

    def test_replicates_are_two_on_each_plate_of_the_experiment(self) -> None:
        truth = truth_of(LARGE).dropna(subset="compound")
        truth["plate_id"] = truth["well_id"].str.rpartition("_")[0]
        truth["experiment"] = truth["plate_id"].str.split("_").str[0]
        groups = truth.groupby(["experiment", "compound", "concentration_um"])["plate_id"]
        plates = groups.nunique()
        assert (groups.size() == 2 * plates).all()
        assert set(plates[plates.index.get_level_values(0).str.startswith("HRCE")]) == {8}

    def test_without_severity_nothing_has_an_effect_and_compounds_keep_their_truth(self) -> None:
        settings = LARGE.model_copy(update={"severity": 0.0})
        truth = truth_of(settings)
        assert (truth[["severity", "severity_expected"]] == 0).all(axis=None)
        pd.testing.assert_series_equal(truth["ec50_um"], truth_of(LARGE)["ec50_um"])
        assert {well.toxicity for well in rxrx19a.true_wells(rxrx19a.screen_of(settings))} == {0.0}
        sirnas = rxrx1.true_wells(rxrx1.screen_of(settings))
        assert {well.sirna.strength for well in sirnas} == {0.0}

    def test_more_plates_leave_the_first_ones_as_they_were(self) -> None:
        few, many = truth_of(LARGE.model_copy(update={"hrce_plates": 1, "vero_plates": 1})), truth_of(LARGE)
        common = many[many["well_id"].isin(few["well_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(few, common)

    def test_sirnas_lie_in_four_fixed_sets_that_turn_from_experiment_to_experiment(self) -> None:
        wells = rxrx1.true_wells(rxrx1.screen_of(SimulationSettings()))
        table = pd.DataFrame([(well.plate.experiment, well.plate.number, well.sirna.number) for well in wells])
        treated = table[table[2] < rxrx1.FIRST_POSITIVE_ID]
        sets = treated.groupby([0, 1])[2].agg(frozenset)
        assert len(set(sets)) == 4
        assert all(len(one) == 10 for one in sets)
        assert (treated.groupby(0)[2].nunique() == 40).all()
        assert sets["HEPG2-01", 1] != sets["HEPG2-02", 1]
        controls = table[table[2] >= rxrx1.FIRST_POSITIVE_ID].groupby([0, 1])[2].agg(sorted)
        assert all(one == [1108, 1109, 1110, 1138] for one in controls)

    def test_positive_controls_are_strong_and_empty_wells_nothing(self) -> None:
        sirnas = {well.sirna.number: well.sirna for well in rxrx1.true_wells(rxrx1.screen_of(LARGE))}
        treatments = [sirna.strength for number, sirna in sirnas.items() if number < rxrx1.FIRST_POSITIVE_ID]
        assert sirnas[1138].strength == 0
        assert sirnas[1108].strength > max(treatments) > min(treatments) > 0

    def test_plates_and_experiments_differ_in_gain(self) -> None:
        screen = rxrx19a.screen_of(SimulationSettings())
        plates = plates_of_simulation(screen.settings, Dataset.RXRX19A)
        gains = np.log([screen.plate_nuisance(plate).gain for plate in plates])
        assert len(np.unique(gains[:, 0])) == len(plates)
        assert 0.1 < gains.std() < 0.5
