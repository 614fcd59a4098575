"""The page's data are the tables' data, its script fits together, and it asks nothing of the network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explorer_blocks import Blocks, from_fixed_point, from_planes, unpack
from explorer_inputs import ABOUT, FEATURIZERS, score_table, site_table, write_answers, write_page, write_sheets
from gandl.evaluation.missing.answers import Missing, write_missing
from gandl.evaluation.terms import COMPOUNDS
from gandl.explorer import bundle, neighbours, page as explorer_page
from gandl.explorer.bundle import BundleError, joined
from gandl.explorer.page import About
from gandl.explorer.wells import wells_of
from gandl.tables import WELL_SCORES


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def blocks(page: Path) -> Blocks:
    return Blocks(page)


def test_every_well_of_the_screen_is_in_the_page_with_its_scores(blocks: Blocks) -> None:
    sites = site_table()
    ids = blocks.well_ids
    assert sorted(ids) == sorted(sites["well_id"])
    for number, name in enumerate(FEATURIZERS):
        found = from_fixed_point(blocks.found[f"scores:{name}"]).reshape(4, len(ids))
        for place, question in ((0, "scores"), (2, "cell_model")):
            table = score_table(sites, question, 0.1 * number).set_index("well_id").loc[ids]
            assert found[place] == pytest.approx(table["on"].to_numpy(), abs=6e-4)
            assert found[place + 1] == pytest.approx(table["off"].to_numpy(), abs=6e-4)


def test_codes_stand_for_plate_compound_dose_and_group(blocks: Blocks) -> None:
    sites = site_table().set_index("well_id")
    ids = blocks.well_ids
    at = ids.index("VERO-1_1_B05")
    code = {
        name: int(from_planes(blocks.found[name], 2)[at])
        for name in ("plate", "row", "column", "compound", "dose", "group", "cell")
    }
    about = blocks.about
    assert about["plates"][code["plate"]] == {"name": "VERO-1_1", "cell": "VERO", "rows": 6, "columns": 8}
    assert (code["row"], code["column"]) == (1, 5)
    assert about["compounds"][code["compound"]] == sites.loc["VERO-1_1_B05", "compound"] == "Remdesivir"
    assert about["doses"][code["dose"]] == 0.1
    assert about["cells"][code["cell"]] == "VERO"
    assert about["groups"][code["group"]]["kind"] == "treated"
    labels = {group["label"]: (group["colour"], group["mark"]) for group in about["groups"]}
    assert labels["HRCE C+"] == ("#0072B2", "circle")  # as in the figures
    assert labels["VERO C−"] == ("#D55E00", "diamond")
    assert from_planes(blocks.found["compound"], 2)[ids.index("HRCE-1_1_F05")] == 65_535


def test_neighbours_are_those_of_the_profiles(blocks: Blocks) -> None:
    """The same well of the two other plates is nearest, by how the profiles were made."""
    ids = blocks.well_ids
    near = from_planes(blocks.found["neighbours:gandl"], 4).reshape(len(ids), -1)
    for at, name in enumerate(ids):
        well = name.rpartition("_")[2]
        assert {ids[k].rpartition("_")[2] for k in near[at, :2]} == {well}
    assert "neighbours:imagenet_collapsed" not in blocks.found
    assert {one["name"]: one["neighbours"] for one in blocks.about["featurizers"]} == {
        "gandl": "cosine", "intensity": "cosine", "imagenet_collapsed": "",
    }  # fmt: skip


def test_compounds_and_curves_follow_the_list_of_series(blocks: Blocks) -> None:
    about = blocks.about
    names = [(about["cells"][cell], about["compounds"][compound]) for cell, compound in about["series"]]
    at = names.index(("HRCE", "Remdesivir"))
    columns = json.loads(unpack(blocks.found["compounds:gandl"]))
    assert (columns["hit"][at], columns["ec50_um"][at], columns["flags"][at]) == (True, 0.1, None)
    assert columns["flags"][names.index(("VERO", "GS-441524 (simulated)"))] == "falling|one_replicate"
    curves = from_fixed_point(blocks.found["curves:gandl"]).reshape(len(names), 3, about["curve_points"])
    dose = np.geomspace(0.01, 3.0, about["curve_points"])
    assert curves[at, 0] == pytest.approx(-1 + 2 / (1 + 0.1 / dose), abs=0.02)
    assert curves[at, 2] - curves[at, 0] == pytest.approx(0.1, abs=2e-3)
    assert np.isnan(curves[names.index(("HRCE", "GS-441524 (simulated)")), 1:]).all()


def test_what_the_first_picture_needs_stands_before_the_script_and_the_library_behind_the_wells(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    script = text.index('"use strict";\n// ')
    order = ["group", "scores:gandl", "well_id", "compounds:gandl", "library", "scores:intensity"]
    places = [text.index(f'data-block="{name}"') for name in order]
    assert places == sorted(places)
    assert places[1] < script < places[2]


def test_the_page_has_no_address_outside_itself_and_forbids_any(blocks: Blocks, page: Path) -> None:
    assert all(address.startswith(("#", "data:")) for address in blocks.addresses)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.read_text(encoding="utf-8"))
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "http" not in policy[1]


def test_the_page_states_the_library_its_version_and_its_licence(page: Path) -> None:
    footer = page.read_text(encoding="utf-8").partition("<footer>")[2].partition("</footer>")[0]
    assert re.search(r"plotly\.js v\d", footer)
    assert re.search(r"plotly \d+\.\d+\.\d+ from PyPI", footer)
    assert "MIT license" in footer


def test_rerunning_writes_the_same_bytes(tmp_path: Path, page: Path) -> None:
    assert write_page(tmp_path).read_bytes() == page.read_bytes()


def test_a_featurizer_without_an_answer_is_listed_with_the_reason(tmp_path: Path) -> None:
    answers = write_answers(tmp_path)
    for kind, schema in (("scores", WELL_SCORES), ("compounds", COMPOUNDS)):
        write_missing(
            getattr(answers["intensity"], kind), schema, Missing("controls", "intensity", "unlabelled", "too few wells")
        )
    index = write_sheets(tmp_path)
    explorer_page.write_page(answers, tmp_path / "sites.parquet", index, ABOUT, tmp_path / "explorer.html")
    found = Blocks(tmp_path / "explorer.html")
    about = {one["name"]: one for one in found.about["featurizers"]}
    assert about["intensity"]["missing"] == "too few wells"
    assert about["intensity"]["spaces"] == ["C2"]
    assert np.isnan(from_fixed_point(found.found["scores:intensity"]).reshape(4, -1)[:2]).all()


def test_a_screen_without_a_dose_series_and_cell_models_has_its_page(tmp_path: Path) -> None:
    answers = write_answers(tmp_path)
    index = write_sheets(tmp_path)
    explorer_page.write_explorer(
        [one.scores for one in answers.values()],
        *([], [], [], []),
        sites=tmp_path / "sites.parquet",
        thumbnails=index,
        featurizers=list(answers),
        profiled=[],
        html=tmp_path / "explorer.html",
        **vars(ABOUT),
    )
    about = Blocks(tmp_path / "explorer.html").about
    assert list(about["spaces"]) == ["E2"]
    assert about["series"] == []


def test_the_axes_say_what_their_ends_are(tmp_path: Path, blocks: Blocks) -> None:
    """By the preprint's scaling no mean lies at -1 or +1, so no level is drawn there."""
    assert blocks.about["spaces"]["E2"]["x"] == "On score (−1: mean C−, +1: mean C+)"
    assert blocks.about["spaces"]["C2"]["x"] == "On score (−1: mean VERO, +1: mean HRCE)"
    assert blocks.about["means_at_ends"] is True
    answers, index = write_answers(tmp_path), write_sheets(tmp_path)
    about = About(**{**vars(ABOUT), "scaling": "preprint"})
    explorer_page.write_page(answers, tmp_path / "sites.parquet", index, about, tmp_path / "explorer.html")
    found = Blocks(tmp_path / "explorer.html").about
    assert found["spaces"]["E2"]["x"] == "On score (training C− and C+ fill −1 to +1)"
    assert found["means_at_ends"] is False


def test_the_page_says_how_neighbours_of_a_large_screen_are_sought(blocks: Blocks) -> None:
    assert blocks.about["sought_in"] is None  # all wells are compared
    assert neighbours.sought_in(neighbours.LARGE + 1) == {"components": 128, "candidates": 24}


def test_wells_are_in_the_order_of_their_plate(tmp_path: Path) -> None:
    sites = site_table().sample(frac=1, random_state=0)
    sites.to_parquet(tmp_path / "sites.parquet", index=False)
    table = wells_of(tmp_path / "sites.parquet").table
    for _, mine in table.groupby("plate_id"):
        assert list(mine["well"]) == sorted(mine["well"])
    assert len(table) == len(sites)
    assert isinstance(table, pd.DataFrame)


def test_the_modules_of_the_page_are_joined_in_the_order_of_their_imports(tmp_path: Path) -> None:
    script = joined()
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    order = re.findall(r"^// (\w+\.js)$", script, re.MULTILINE)
    assert order.index("data.js") < order.index("state.js") < order.index("look.js") < order.index("scatter.js")
    assert order[-1] == "main.js"
    for path in bundle.STATIC.glob("*"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, path.name


def test_modules_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nconst same = 1;\n', encoding="utf-8")
    with pytest.raises(BundleError, match=r"a.js imports b.js, which is not in"):
        joined(tmp_path)
    (tmp_path / "b.js").write_text("export const b = 1;\nconst same = 2;\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"a.js and b.js both define same"):
        joined(tmp_path)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "LIBRARY", ("gandl", "package_data/none.js"))
    with pytest.raises(BundleError, match=r"the package gandl lacks package_data/none\.js"):
        bundle.library()
