"""The audit as a table: every reference value has a row with a verdict, which follows from numbers and from nothing else."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gandl.config import ImageNetNetwork
from gandl.config.files import read_config
from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPARISONS, COMPOUNDS
from gandl.report.audit_table import (
    COLUMNS,
    AuditTableInputs,
    audit_table,
    counts_in_words,
    write_audit_table,
    write_numbers,
)
from gandl.report.reference.answers import joined
from gandl.report.reference.compounds import ranks, under_paper_names
from gandl.report.reference.configuration import WIDTHS, pooled_width, settings_of
from gandl.report.reference.screens import counts_of, published_counts
from gandl.report.reference.values import read_values
from gandl.report.reference.verdicts import Verdict
from gandl.tables import NUMBERS, SITES, write_table
from report_inputs import write_run
from screen_inputs import wells_of_screen
from table_rows import compound_row, dose_row, number_row

ABOUT = {"question": "controls", "normalization": "unlabelled", "split": "quarter:all", "unit": "site", "n": 320}
WHOLE = {"complete": True, "stores": [], "wells": "all", "image_px": 1024, "released_width": 1024}
ACCURACY = {"gandl": 0.914, "imagenet_collapsed": 0.70, "conv_ae": 0.60}


def numbers(**changes: float) -> list[dict[str, object]]:
    """Accuracies of images in the paper's split, each with an interval of a hundredth around it."""
    return [
        number_row(**ABOUT, featurizer=name, metric="accuracy", value=value, low=value - 0.01, high=value + 0.01)
        for name, value in (ACCURACY | changes).items()
    ]


@pytest.fixture
def run(tmp_path: Path, repository: Path) -> Run:
    return Run(tmp_path, repository)


class Run:
    """A made-up run of both screens, to be changed by a test before `table`."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder, self.repository = folder, repository
        self.numbers = numbers()
        self.half = 0.01
        self.names = ["Bortezomib", "a", "b", "c", "d", "EBASTINE", "Remdesivir (GS-5734)"]
        self.paired: list[dict[str, object]] = []
        self.provenance: dict[str, Any] = {}
        self.changes: dict[str, dict[str, Any]] = {}

    def inputs(self) -> AuditTableInputs:
        provenance = self.folder / "provenance.json"
        write_run(provenance, self.folder, self.repository, config=read_config(self.repository / "config/config.yaml"))
        content = json.loads(provenance.read_text()) | self.provenance
        for section, change in self.changes.items():
            content["configuration"][section] |= change
        provenance.write_text(json.dumps(content))
        sites = []
        for name in content["configuration"]["source"]["datasets"]:
            sites.append(self.folder / f"{name}.parquet")
            wells = wells_of_screen()
            write_table(wells.assign(site_id=wells["well_id"] + "_1", site=1)[SITES.names], sites[-1], SITES)
        paired = []
        if self.paired:
            paired = [self.folder / "floors.parquet"]
            write_table(pd.DataFrame(self.paired), paired[0], COMPARISONS)
        write_table(pd.DataFrame(self.numbers), self.folder / "numbers.parquet", NUMBERS)
        compounds = [compound_row(name, featurizer="gandl", cell_type="HRCE", flags="biphasic") for name in self.names]
        write_table(pd.DataFrame(compounds), self.folder / "compounds.parquet", COMPOUNDS)
        doses = []
        for place, name in enumerate(self.names):
            value = 0.9 - 0.1 * place
            ends = {"efficacy_low": value - self.half, "efficacy_high": value + self.half, "toxic": True}
            doses += [dose_row(name, 0.3, -1.0), dose_row(name, 1.0, value, **ends)]
        write_table(pd.DataFrame(doses)[DOSES.names], self.folder / "doses.parquet", DOSES)
        return AuditTableInputs(
            references=self.repository / "resources/paper_values.csv",
            provenance=provenance,
            full=self.repository / "config/paper.yaml",
            numbers=[self.folder / "numbers.parquet"],
            sites=sites,
            paired=paired,
            compounds=[self.folder / "compounds.parquet"],
            doses=[self.folder / "doses.parquet"],
        )

    def table(self) -> pd.DataFrame:
        return audit_table(self.inputs()).set_index("id", drop=False)

    def real(self, **of_rxrx19a: object) -> Run:
        """Of real images, and of whole screens but for what is stated."""
        self.provenance["simulated"] = False
        self.changes = {"source": {"rxrx19a": WHOLE | of_rxrx19a, "rxrx1": WHOLE}}
        return self


def only(table: pd.DataFrame, **wanted: object) -> pd.Series:
    """The first row with these values."""
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table.iloc[0]


def test_every_row_of_the_reference_values_has_a_verdict_of_the_closed_set(run: Run, repository: Path) -> None:
    table = run.table()
    assert list(table["id"]) == [reference.id for reference in read_values(repository / "resources/paper_values.csv")]
    assert set(table["verdict"]) <= {verdict.value for verdict in Verdict}
    assert list(table.columns) == COLUMNS
    words = counts_in_words(table)
    assert sum(int(part.rpartition(": ")[2]) for part in words.split("; ")) == len(table)


def test_a_wrong_number_gives_another_verdict(run: Run) -> None:
    of_table_1 = {
        "source": "Mascolini et al. 2022",
        "featurizer": "gandl",
        "split": "quarter:all",
        "metric": "accuracy",
    }
    row = only(run.real().table(), question="controls", **of_table_1)
    assert (row["printed"], row["ours"], row["verdict"]) == ("91.4", 0.914, "agrees")
    run.numbers = numbers(gandl=0.8)
    assert only(run.table(), question="controls", **of_table_1)["verdict"] == "differs"


def test_numbers_of_a_simulated_screen_are_not_comparable_but_settings_are(run: Run) -> None:
    table = run.table()
    row = only(table, printed="91.4", featurizer="gandl")
    assert (row["verdict"], row["images"]) == ("not comparable: simulated screen", "simulated")
    row = only(table, printed="305,520")
    assert (row["verdict"], row["full_run"], row["full_run_verdict"]) == (
        "not comparable: simulated screen",
        305_520,
        "agrees",
    )
    row = only(table, metric="training.network.mapping_layers")
    assert (row["verdict"], row["images"]) == ("agrees", "")
    run.changes = {"evaluation": {"test_share": 0.2}}
    assert only(run.table(), metric="evaluation.test_share")["verdict"] == "differs"
    assert only(run.table(), metric="evaluation.train_share")["ours"] == pytest.approx(0.8)


def test_counts_that_disagree_stand_beside_each_other_and_one_differs_from_the_release(run: Run) -> None:
    table = run.table()
    wrong, right = (only(table, printed=printed, source="Mascolini et al. 2022") for printed in ("125,514", "125,510"))
    assert (wrong["full_run_verdict"], right["full_run_verdict"]) == ("differs", "agrees")
    assert "125,510" in wrong["elsewhere"]
    assert "125,514" in right["elsewhere"]


def test_counts_of_a_part_of_a_real_screen_are_not_comparable(run: Run) -> None:
    part = run.real(complete=False).table()
    assert only(part, printed="305,520")["verdict"] == "not comparable: part of the screen"
    assert only(run.real().table(), printed="305,520")["verdict"] == "differs"


def test_numbers_of_another_screen_do_not_answer(run: Run) -> None:
    run.real().changes["source"]["datasets"] = ["rxrx1"]
    row = only(run.table(), printed="91.4", featurizer="gandl")
    assert row["verdict"] == "not measured in this run"
    assert pd.isna(row["ours"])


def test_a_margin_is_paired_where_it_was_evaluated_in_either_direction(run: Run) -> None:
    margin = {"featurizer": "gandl", "against": "imagenet_collapsed", "question": "controls", "printed": "26%"}
    row = only(run.real().table(), **margin)
    assert row["ours"] == pytest.approx(0.214)
    assert (row["verdict"], math.isnan(row["ours_low"])) == ("not judged: ours has no interval", True)
    assert row["elsewhere"] == "26.09 points by the accuracies that it prints"
    of_pair = {**ABOUT, "featurizer": "imagenet_collapsed", "against": "gandl", "fold": "all", "seed": 0}
    value = {"metric": "accuracy_difference", "value": -0.25, "low": -0.30, "high": -0.20, "drawn": "well", "units": 80}
    run.paired = [of_pair | value | {"p": 0.01, "p_holm": 0.02}]
    row = only(run.table(), **margin)
    assert [row["ours"], row["ours_low"], row["ours_high"], row["n"]] == [0.25, 0.20, 0.30, 320]
    assert row["verdict"] == "agrees"


def test_what_no_evaluation_pairs_is_no_margin_of_two_accuracies(run: Run) -> None:
    alone = {**ABOUT, "split": "quarter_by_cell_type:HRCE", "metric": "accuracy", "low": 0.8, "high": 0.99}
    run.numbers += [
        number_row(**alone, featurizer=name, value=value)
        for name, value in (("gandl", 0.95), ("imagenet_collapsed", 0.9))
    ]
    row = only(run.real().table(), metric="over_merged_difference", split=alone["split"])
    assert row["ours"] == pytest.approx((0.9 - 0.70) - (0.95 - 0.914))
    assert row["ours_low"] < row["ours"] < row["ours_high"]
    run.numbers = [one for one in run.numbers if one["split"] != "quarter:all"]
    assert only(run.table(), metric="over_merged_difference")["verdict"] == "not measured in this run"


def test_a_baseline_that_the_run_trained_answers_where_the_published_one_is_not_taken_and_says_so(run: Run) -> None:
    run.numbers = numbers(densenet161_arcface=0.95)
    table = run.real().table()
    accuracy, margin = only(table, printed="95.81"), only(table, printed="5%", featurizer="released")
    assert (accuracy["ours"], accuracy["ours_text"]) == (0.95, "by densenet161_arcface")
    assert (margin["ours"], margin["ours_text"]) == (pytest.approx(0.036), "by densenet161_arcface")
    run.changes["embeddings"] = {"featurizers": ["gandl", "densenet161_arcface", "released"]}
    assert only(run.table(), printed="95.81")["verdict"] == "not measured in this run"


def test_the_strongest_compounds_are_ranked_among_all_of_their_cell_type(run: Run) -> None:
    table = run.real().table()
    first, sixth = (only(table, split=f"HRCE:{name}", metric="efficacy_rank") for name in ("Bortezomib", "Ebastine"))
    assert (first["ours"], first["n"], first["unit"], first["verdict"]) == (1, 6, "compound", "agrees")
    assert first["ours_text"] == "strongest of 6: Bortezomib, a, b, c, d"
    assert (sixth["ours"], sixth["verdict"]) == (6, "differs")
    assert only(table, split="HRCE:Thimerosal", metric="efficacy_rank")["verdict"] == "not measured in this run"
    remdesivir = only(table, split="HRCE:Remdesivir", metric="efficacy")
    assert (remdesivir["ours"], remdesivir["verdict"]) == (pytest.approx(0.3), "agrees"), "called after it, any dose"
    assert remdesivir["ours_text"] == "highest mean of any dose"
    run.half = 0.5
    table = run.table()
    for name in ("Bortezomib", "Ebastine"):
        row = only(table, split=f"HRCE:{name}", metric="efficacy_rank")
        assert (row["ours_low"], row["ours_high"], row["verdict"]) == (1, 6, "cannot be distinguished")


def test_a_pilot_ranks_nothing_and_claims_nothing(run: Run) -> None:
    table = run.real(wells="pilot").table()
    of_part = table[(table["dataset"] == "rxrx19a") & table["ours"].notna() & table["kind"].isin(["claim", "result"])]
    of_part = of_part[~of_part["question"].isin(["paper", "settings"])]
    assert {"compounds", "controls"} <= set(of_part["question"])
    assert set(of_part["verdict"]) == {"not comparable: part of the screen"}


def test_dose_responses_of_a_compound_answer_under_the_papers_name(repository: Path) -> None:
    about = {"question": "dose_response", "featurizer": "gandl", "metric": "rises_with_dose"}
    names = ("HRCE:Remdesivir (GS-5734)", "HRCE:GS-441524", "VERO:Remdesivir (GS-5734)", "HRCE:Hydroxyremdesivir")
    table = pd.DataFrame(
        [number_row(**about, split=f"leave_plate_out:{name}") for name in names]
        + [number_row(question="controls", split="leave_plate_out:HRCE:Remdesivir (GS-5734)")]
    )
    renamed = under_paper_names(table, read_values(repository / "resources/paper_values.csv"))
    assert list(renamed["split"].str.removeprefix("leave_plate_out:")) == [
        "HRCE:Remdesivir",
        "HRCE:GS-441524",
        "VERO:Remdesivir",
        "HRCE:Hydroxyremdesivir",
        "HRCE:Remdesivir (GS-5734)",
    ]


def test_five_are_said_and_four_named_whatever_the_run(run: Run) -> None:
    verdicts = run.table().set_index(["metric", "split"])["verdict"]["strongest_named"]
    assert verdicts.to_dict() == {"HRCE": "agrees", "VERO": "differs"}


def test_hours_are_those_of_the_training_with_its_hardware(run: Run) -> None:
    row = only(run.real().table(), metric="training_hours")
    assert (row["ours"], row["verdict"]) == (pytest.approx(610.2 / 3600), "not comparable: other hardware")
    assert "cores" in row["ours_text"] or "GPU" in row["ours_text"]


def test_the_same_run_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    inputs = run.inputs()
    for name in ("a.csv", "b.csv"):
        write_audit_table(inputs, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert pd.read_csv(tmp_path / "a.csv")["verdict"].notna().all()


def test_settings_that_a_preset_of_the_paper_follows(repository: Path) -> None:
    paper = settings_of(read_config(repository / "config/paper.yaml").model_dump(mode="json"), ["TPU v3-8"])
    found = paper.set_index("metric")
    assert found.loc["counterparts.baseline.network.pooled_width", "value"] == 2208
    assert found.loc["embeddings.imagenet_concatenated.width", "value"] == 5120
    assert found.loc["training.channels", "value"] == 5
    assert found.loc["hardware.accelerator", "text"] == "TPU v3-8"
    assert found.loc["training.symmetry", "text"] == "yes"


def test_widths_of_imagenet_networks_are_those_that_are_built() -> None:
    from gandl.models.networks.imagenet.backbones import BACKBONES

    assert {name: WIDTHS[name] for name in ImageNetNetwork} == {
        name: backbone.dim for name, backbone in BACKBONES.items()
    }


def test_a_densenet_without_layers_keeps_its_first_maps_halved_between_blocks() -> None:
    assert pooled_width({"init_features": 64, "growth": 32, "blocks": [0, 0, 0]}) == 16


def test_counts_of_a_screen_are_those_of_its_table(tmp_path: Path) -> None:
    wells = wells_of_screen()
    write_table(wells.assign(site_id=wells["well_id"] + "_1", site=1)[SITES.names], tmp_path / "sites.parquet", SITES)
    found = counts_of({"rxrx19a": tmp_path / "sites.parquet"}).set_index("metric")["value"]
    assert found["wells"] == len(wells)
    assert found["control_groups"] == 2
    assert found["control_share"] == pytest.approx((wells["control"] != "none").mean())
    assert found["dose_step_log10"] == pytest.approx(math.log10(3)), "0.1, 0.3, 1, 3, 10, 30 µM"
    assert found["cell_types"] == wells["cell_type"].nunique()


def test_published_counts_are_those_of_the_releases() -> None:
    found = published_counts().set_index(["split", "metric"])["value"]
    assert found["rxrx19a", "sites"] == 305_520
    assert found["rxrx1", "sites"] == 125_510
    assert found["rxrx1", "sirnas"] == 1_108


def test_no_compound_and_no_table_are_an_empty_answer(repository: Path) -> None:
    none, doses = pd.DataFrame([compound_row("a")]).iloc[:0], pd.DataFrame([dose_row("a", 1.0, 0.1)]).iloc[:0]
    assert ranks(doses, none, read_values(repository / "resources/paper_values.csv")).empty
    assert joined([]).empty


def test_every_number_stands_in_one_table_with_the_file_that_holds_it(run: Run, tmp_path: Path) -> None:
    inputs = run.inputs()
    write_numbers(inputs, tmp_path / "numbers.csv")
    written = pd.read_csv(tmp_path / "numbers.csv", float_precision="round_trip")
    expected = pd.concat([pd.read_parquet(path) for path in inputs.numbers]).drop_duplicates(list(NUMBERS.key))
    assert sorted(written["value"]) == sorted(expected["value"])
    assert set(written["images"]) == {"simulated"}
    assert written["file"].notna().all()
