"""Whether the order of featurizers depends on the normalisation: said by the headline itself, with methods and values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from active_screen import METHODS, PHENOTYPE, active_sites, write_active_screen
from gandl.config import FiguresSettings
from gandl.config.files import read_config
from gandl.evaluation.terms import STRICTEST
from gandl.figures.common.labels import SCHEMES
from gandl.figures.common.style import style
from gandl.figures.featurizers import featurizers_figure
from gandl.figures.tables.comparison import SCHEMES as COMPARED, compared
from gandl.report.audit import AuditInputs, write_audit
from gandl.report.caveats import caveats
from gandl.report.order import Order, exchanges, order_of, rankings
from gandl.report.screen import SUMMARISED
from gandl.source.schemes import WHOLE, Scheme
from gandl.tables import NUMBERS, SITES, write_table
from report_inputs import read, write_curve, write_run
from table_rows import number_row

BLOCKS, UNTRAINED, INTENSITY, SEGMENTATION = "gandl_blocks", "gandl_untrained", "intensity", "segmentation"
FEATURIZERS = [BLOCKS, UNTRAINED, INTENSITY, SEGMENTATION]
BBBC021 = {
    "unlabelled": (0.23, 0.21, -1.11, -0.20),
    "mock": (0.15, 0.19, 0.47, 0.27),
    "none": (0.27, 0.28, 0.15, 0.29),
}
"""Z' of these featurizers on three real plates of BBBC021, whole plates left out."""


def numbers(
    values: dict[str, tuple[float, ...]],
    half: float = 0.1,
    split: str = "leave_plate_out:MCF7",
    featurizers: list[str] = FEATURIZERS,
) -> pd.DataFrame:
    return pd.DataFrame(
        number_row(featurizer=name, normalization=method, split=split, value=value, low=value - half, high=value + half)
        for method, row in values.items()
        for name, value in zip(featurizers, row, strict=True)
    )


def settings(*methods: str, featurizers: list[str] | None = None) -> dict[str, Any]:
    """Of a configuration what matters here; the first method is the run's own."""
    return {
        "normalization": {"method": methods[0], "methods": sorted(methods)},
        "embeddings": {"featurizers": featurizers or FEATURIZERS},
    }


def order(values: dict[str, tuple[float, ...]], *methods: str, **options: Any) -> Order:
    featurizers = options.get("featurizers", FEATURIZERS)
    return order_of(
        rankings(numbers(values, **options), settings(*(methods or tuple(values)), featurizers=featurizers))
    )


def test_what_bbbc021_showed_is_a_headline_with_methods_and_values() -> None:
    found = order(BBBC021)
    (line,) = found.depends
    assert line.startswith("The order of featurizers depends on the normalisation (Z′, MCF7, whole plates held out): ")
    assert (
        "GAN-DL, blocks is above Channel intensities under unlabelled (0.23 against −1.11) and below it under mock "
        "(0.15 against 0.47)"
    ) in line
    assert "GAN-DL, blocks is above Segmentation under unlabelled (0.23 against −0.20) and below it under mock" in line
    assert line.endswith("The best: GAN-DL, blocks under unlabelled; Channel intensities under mock.")
    assert found.holds == (), "Segmentation is above in raw features, too, which is said already"
    assert "Untrained" not in line, "0.23 and 0.21 are one within their intervals, whichever is above"


def test_featurizers_whose_intervals_overlap_under_all_normalisations_are_no_headline() -> None:
    (line,) = order({"negative": (0.3, 0.25, 0.0, 0.1), "mock": (0.28, 0.31, -0.1, 0.05)}).holds
    assert line == (
        "Between negative, mock (Z′, MCF7, whole plates held out) only featurizers whose intervals overlap change places: "
        "GAN-DL, blocks and Untrained network."
    )


def test_an_order_that_holds_is_said_to_hold() -> None:
    found = order({"none": (0.3, 0.1, 0.0, 0.4), "negative": (0.4, 0.3, 0.1, 0.5)})
    assert found.depends == ()
    assert found.holds == (
        "Under each of none, negative (Z′, MCF7, whole plates held out) the same featurizer is the best, Segmentation, and "
        "GAN-DL, blocks is above and below the same ones.",
    )


def test_the_512_d_layer_is_compared_with_every_floor_beside_the_blocks() -> None:
    featurizers = ["gandl", *FEATURIZERS]
    turned = {"a": (0.0, 0.4, 0.1, 0.3, 0.9), "b": (0.5, 0.4, 0.1, 0.3, 0.9)}
    (line,) = order(turned, featurizers=featurizers).depends
    assert "Channel intensities is above GAN-DL, 512-d layer under a (0.30 against 0.00) and below it under b" in line
    assert "blocks" not in line
    (line,) = order({"a": turned["b"], "b": turned["b"]}, featurizers=featurizers).holds
    assert line.endswith(
        "the best, Segmentation, and GAN-DL, blocks and GAN-DL, 512-d layer are above and below the same ones."
    )


@pytest.mark.parametrize("scheme", WHOLE)
def test_featurizers_are_ranked_under_every_scheme_that_leaves_a_place_out(scheme: Scheme) -> None:
    of_type, group = ("MCF7", "MCF7") if scheme is Scheme.LEAVE_PLATE_OUT else ("rows A–H", "A-H")
    (line,) = order(BBBC021, split=f"{scheme}:{group}").depends
    assert f"(Z′, {of_type}, {SCHEMES[scheme]})" in line
    assert scheme in STRICTEST
    assert scheme in SUMMARISED
    assert scheme in COMPARED


def test_where_controls_fill_rows_the_page_says_so_too(tmp_path: Path, repository: Path) -> None:
    """A plate with A negative and H positive, scored column by column."""
    write_table(numbers(BBBC021, split="leave_column_out:A-H"), tmp_path / "numbers.parquet", NUMBERS)
    words, summary = audit({"unlabelled": [tmp_path / "numbers.parquet"]}, tmp_path, repository, ["unlabelled", "mock"])
    assert summary[1].startswith(
        "- The order of featurizers depends on the normalisation (Z′, rows A–H, plate columns held"
    )
    assert "Z′ under each normalisation" in words
    assert "Rows A–H, plate columns held out, n = 24 control wells" in words


def test_a_cell_type_that_looks_like_a_plate_row_is_called_by_its_name() -> None:
    row, plate = (numbers(BBBC021, split=split) for split in ("leave_row_out:KB", "quarter_by_cell_type:KB"))
    assert [one.place for one in rankings(pd.concat([row, plate]), settings("none"))] == ["KB, plate rows held out"]
    assert [one.place for one in rankings(row, settings("none"))] == ["rows KB, plate rows held out"]


def test_raw_features_are_no_headline_unless_they_are_the_runs_own() -> None:
    """Each is weighed by its unit: an area in pixels against a ratio."""
    values = {"unlabelled": (0.4, 0.5, 0.0, 0.6), "mock": (0.4, 0.5, 0.0, 0.7), "none": (0.4, 0.5, 0.0, -0.1)}
    found = order(values)
    assert found.depends == ()
    holds, raw = found.holds
    assert holds.startswith("Under each of unlabelled, mock (Z′")
    assert raw == (
        "Raw features (none; Z′, MCF7, whole plates held out) give another order: Segmentation is above GAN-DL, blocks under "
        "unlabelled (0.60 against 0.40) and below it under none (−0.10 against 0.40); Segmentation is above Untrained network "
        "under unlabelled (0.60 against 0.50) and below it under none (−0.10 against 0.50)."
    )
    assert order(values, "unlabelled", "none") == Order((), (raw,))
    assert len(order(values, "none", "unlabelled", "mock").depends) == 1


def test_the_runs_own_normalisation_comes_first_whatever_the_order_of_the_list() -> None:
    (ranking,) = rankings(numbers(BBBC021), settings("none", "unlabelled", "mock"))
    assert list(ranking.values) == ["none", "mock", "unlabelled"]


def test_a_single_normalisation_says_nothing_of_the_order_but_a_caveat() -> None:
    assert order({"none": (0.3, 0.1, 0.0, 0.4)}) == Order()


def test_one_clear_difference_is_enough_and_either_side_may_be_the_clear_one() -> None:
    near, far = (0.30, 0.0, 0.28, 0.0), (0.20, 0.0, 0.90, 0.0)
    for own, other, first in (("a", "b", BLOCKS), ("b", "a", INTENSITY)):
        (pair,) = exchanges(rankings(numbers({"a": near, "b": far}), settings(own, other))[0].values)
        assert {pair.one, pair.other} == {BLOCKS, INTENSITY}
        assert (pair.one, pair.clear) == (first, True)
        assert (list(pair.above), list(pair.below)) == ([own], [other])


def test_the_best_floors_change_places_without_gan_dl() -> None:
    values = {"a": (0.0, 0.0, 0.9, 0.5), "b": (0.0, 0.0, 0.5, 0.9)}
    (ranking,) = rankings(numbers(values), settings("a", "b", featurizers=[INTENSITY, SEGMENTATION]))
    (pair,) = exchanges(ranking.values)
    assert (pair.one, pair.other, pair.clear) == (INTENSITY, SEGMENTATION, True)


def test_values_and_intervals_that_are_unknown_turn_nothing_around() -> None:
    nan = float("nan")
    found = order({"a": (0.3, nan, 0.1, 0.2), "b": (0.3, 0.9, 0.1, 0.2)})
    assert found.depends == ()
    assert found.holds == (
        "Between a, b (Z′, MCF7, whole plates held out) no two featurizers that can be compared change places, but the best is "
        "not the same: GAN-DL, blocks under a; Untrained network under b. Untrained network has no value under a.",
    )
    found = order({"a": (0.3, nan, 0.1, 0.2), "b": (0.3, 0.2, 0.1, 0.2)})
    assert found.holds == (
        "Under each of a, b (Z′, MCF7, whole plates held out) the same featurizer is the best, GAN-DL, blocks, and GAN-DL, "
        "blocks is above and below the same ones. Untrained network has no value under a.",
    )
    (line,) = order({"a": (0.3, nan, 0.1, 0.2), "b": (0.1, 0.0, 0.9, 0.2)}).depends
    assert line.endswith("Untrained network has no value under a.")
    assert order({"a": (nan,) * 4, "b": (nan,) * 4}).holds == (
        "No featurizer has a known value (Z′, MCF7, whole plates held out).",
    )
    table = numbers({"a": (0.3, 0.1, 0.1, 0.2), "b": (0.1, 0.0, 0.9, 0.2)}).assign(low=nan, high=nan)
    assert order_of(rankings(table, settings("a", "b"))).depends == ()


def test_every_cell_type_is_judged_by_itself() -> None:
    steady = numbers({"a": (0.3, 0.1, 0.0, 0.4), "b": (0.3, 0.1, 0.0, 0.4)}, split="leave_plate_out:VERO")
    turned = numbers({"a": (0.3, 0.1, 0.0, 0.1), "b": (0.3, 0.1, 0.9, 0.1)}, split="leave_row_out:A549")
    other = numbers({"a": (0.3, 0.1, 0.0, 0.1), "b": (0.3, 0.1, 0.9, 0.1)}, split="quarter:all")
    found = order_of(rankings(pd.concat([steady, turned, other]), settings("a", "b")))
    assert "(Z′, A549, plate rows held out)" in found.depends[0]
    assert "Z′, VERO, whole plates held out" in found.holds[0]
    assert (len(found.depends), len(found.holds)) == (1, 1)


# --- from features to the headline, on a synthetic screen whose treatments act ---


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return write_active_screen(tmp_path_factory.mktemp("active"))


def audit(
    evaluated: dict[str, list[Path]], folder: Path, repository: Path, methods: list[str]
) -> tuple[str, list[str]]:
    """Words of the audit's page and lines of the summary, of a run with these normalisations."""
    write_table(active_sites(), folder / "sites.parquet", SITES)
    write_run(folder / "provenance.json", folder, repository, config=read_config(repository / "config/config.yaml"))
    content = json.loads((folder / "provenance.json").read_text()) | {"simulated": False, "dataset": "plates"}
    content["configuration"]["source"]["datasets"] = ["plates"]
    content["configuration"]["normalization"] = {"method": methods[0], "methods": methods}
    content["configuration"]["embeddings"]["featurizers"] = list(PHENOTYPE)
    (folder / "provenance.json").write_text(json.dumps(content))
    inputs = AuditInputs(
        numbers=[path for method in methods for path in evaluated.get(method, [])],
        provenance=folder / "provenance.json",
        references=repository / "resources/paper_values.csv",
        sites=folder / "sites.parquet",
        curves=[write_curve(folder, 0, [])],
    )
    write_audit(inputs, folder / "audit.html", folder / "summary.txt")
    words = " ".join(" ".join(read((folder / "audit.html").read_text()).words).split())
    return words, (folder / "summary.txt").read_text().splitlines()


def test_unlabelled_wells_that_are_active_turn_the_order_around_and_negative_controls_do_not(
    evaluated: dict[str, list[Path]],
) -> None:
    table = pd.concat(pd.read_parquet(path) for paths in evaluated.values() for path in paths)
    table = table[(table["metric"] == "z_prime") & (table["split"] == "leave_plate_out:MCF7")]
    z_prime = table.pivot(index="featurizer", columns="normalization", values="value")
    for method in ("negative", "negative_crossfit", "none"):
        assert z_prime[method].idxmax() == INTENSITY
        assert z_prime.loc[INTENSITY, method] > z_prime.loc[BLOCKS, method] + 0.3
    assert z_prime["unlabelled"].idxmax() == BLOCKS
    assert z_prime.loc[INTENSITY, "unlabelled"] < -1
    assert (z_prime["negative_crossfit"] < z_prime["negative"]).all(), "tested controls as reference look too tight"


def test_headline_page_and_caveats_say_so_by_themselves(
    evaluated: dict[str, list[Path]], tmp_path: Path, repository: Path
) -> None:
    words, summary = audit(evaluated, tmp_path, repository, list(METHODS))
    assert summary[1].startswith(
        "- The order of featurizers depends on the normalisation (Z′, MCF7, whole plates held out): "
    )
    assert "GAN-DL, blocks is above Channel intensities under unlabelled (0.33 against −2." in summary[1]
    assert "and below it under negative (" in summary[1]
    assert "Channel intensities under negative, negative_crossfit." in summary[1]
    assert not any("Raw features" in line for line in summary), "they change the same places, which was said"
    assert summary[1].removeprefix("- ") in words
    table = words.partition("Z′ under each normalisation")[2].partition("Featurizer")[2]
    for method in METHODS:
        assert re.search(rf"\b{method}\b", table.partition("GAN-DL, blocks")[0]), "a column of its own"
    assert "of which up to 100 % have a treatment (plate week_1)" in words


def test_without_the_treated_wells_as_reference_nothing_depends(
    evaluated: dict[str, list[Path]], tmp_path: Path, repository: Path
) -> None:
    words, summary = audit(evaluated, tmp_path, repository, ["negative_crossfit", "negative", "none"])
    assert "depends on the normalisation" not in words
    assert any(line.startswith("- Under each of negative_crossfit, negative (Z′, MCF7") for line in summary)
    assert "have a treatment" not in words


def test_the_figure_of_that_screen_shows_both_orders(evaluated: dict[str, list[Path]]) -> None:
    files = [path for paths in evaluated.values() for path in paths]
    data = compared(files, METHODS)
    with style(FiguresSettings()):
        panels = featurizers_figure(data[data["metric"] == "z_prime"]).axes
    best = []
    for axes in panels:
        (marks,) = [line for line in axes.lines if line.get_gid() == "MCF7"]
        best.append(list(PHENOTYPE)[int(pd.Series(marks.get_xdata()).idxmax())])
    assert best == [BLOCKS, INTENSITY, INTENSITY, INTENSITY]


def test_a_caveat_says_that_a_single_normalisation_was_evaluated(tmp_path: Path, repository: Path) -> None:
    write_run(tmp_path / "provenance.json", tmp_path, repository, config=read_config(repository / "config/config.yaml"))
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    for methods, said in ((["unlabelled"], True), (["unlabelled", "none"], False)):
        provenance["configuration"]["normalization"] = {"method": "unlabelled", "methods": methods}
        assert any("One normalisation was evaluated" in line for line in caveats(provenance, [])) is said


@pytest.mark.parametrize(
    ("reference", "methods", "said"),
    [
        ("negative", ["unlabelled", "spherize", "tvn"], True),
        ("unlabelled", ["unlabelled", "spherize"], False),
        ("negative", ["unlabelled", "mock"], False),
    ],
)
def test_a_caveat_names_normalisations_that_were_fitted_on_tested_controls(
    reference: str, methods: list[str], said: bool, tmp_path: Path, repository: Path
) -> None:
    write_run(tmp_path / "provenance.json", tmp_path, repository, config=read_config(repository / "config/config.yaml"))
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    provenance["configuration"]["normalization"] |= {"methods": methods, "reference": reference}
    found = [line for line in caveats(provenance, []) if "normalization.reference" in line]
    assert bool(found) is said
    assert not said or "spherize, tvn were fitted on negative controls, also those that are tested" in found[0]
