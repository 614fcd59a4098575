"""The table of compounds: every compound and dose as it was evaluated, on a page that works by itself."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chromium import Opened, browser, open_file
from compound_inputs import NAMED, TESTED, write_compounds_of
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError
from gandl.figures.tables.compounds import side_by_side, write_compounds
from gandl.figures.tables.pages import as_json, page

TEMPLATES = Path(__file__).resolve().parents[3] / "src/gandl/figures/tables/templates"
NASTY = '</script><b>1,3-bis & "quoted"'


def written(folder: Path, scaling: str = "paper", **of_screen: Any) -> dict[str, Path]:
    files = {name: write_compounds_of(folder, name, **of_screen) for name in ("gandl", "intensity")}
    paths = {kind: folder / f"compounds.{kind}" for kind in ("html", "csv", "parquet")}
    write_compounds(
        {name: compounds for name, (_, compounds) in files.items()},
        {name: doses for name, (doses, _) in files.items()},
        [TEMPLATES / name for name in ("compounds.html.jinja", "compounds.js.jinja", "page.css.jinja")],
        featurizer="gandl",
        confidence=0.95,
        false_discovery=0.05,
        settings=FiguresSettings(),
        word="simulated",
        scaling=scaling,
        **paths,
    )
    return paths


def data_of(html: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html.read_text(encoding="utf-8"))
    assert found is not None
    return dict(json.loads(found.group(1)))


def test_every_compound_dose_and_featurizer_is_in_the_files_at_full_precision(tmp_path: Path) -> None:
    paths = written(tmp_path)
    table = pd.read_parquet(paths["parquet"])
    assert len(table) == len(NAMED) * 2 * 2
    doses = pd.read_parquet(tmp_path / "gandl.doses.parquet")
    mine = table[table["featurizer"] == "gandl"].set_index(["cell_type", "compound"])
    for (cell_type, compound), part in doses.groupby(["cell_type", "compound"]):
        row = mine.loc[(cell_type, compound)]
        for place, dose in enumerate(part.sort_values("concentration_um").itertuples(), start=1):
            assert row[f"dose_{place}_um"] == dose.concentration_um
            assert row[f"efficacy_{place}"] == dose.efficacy
            assert row[f"toxic_{place}"] == dose.toxic
    csv = pd.read_csv(paths["csv"], float_precision="round_trip")
    assert list(csv.columns) == list(table.columns)
    assert (csv["efficacy_6"] == table["efficacy_6"].to_numpy()).all()
    assert (csv["images"] == "simulated").all()


def test_compounds_with_fewer_doses_have_empty_columns_behind_them() -> None:
    rows = [("a", 3.0, 0.3), ("a", 1.0, 0.1), ("b", 2.0, 0.2), ("c", np.nan, 0.4)]
    doses = pd.DataFrame(rows, columns=["compound", "concentration_um", "efficacy"])
    doses = doses.assign(
        featurizer="x", cell_type="y", efficacy_low=0.0, efficacy_high=1.0, wells=2, toxic=None, hit=False
    )
    wide = side_by_side(doses).set_index("compound")
    assert list(wide.loc["a", ["dose_1_um", "dose_2_um", "efficacy_1", "efficacy_2"]]) == [1.0, 3.0, 0.1, 0.3]
    assert wide.loc["b", ["dose_2_um", "efficacy_2", "wells_2"]].isna().all()
    assert np.isnan(wide.loc["c", "dose_1_um"])
    assert wide.loc["c", "efficacy_1"] == 0.4
    assert wide["toxic_1"].isna().all()


def test_the_page_needs_nothing_else_and_says_simulated(tmp_path: Path) -> None:
    text = written(tmp_path)["html"].read_text(encoding="utf-8")
    assert not re.search(r"""<[^>]+\b(?:src|href)=|url\(|@import|fetch\(|XMLHttpRequest""", text)
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}, "a name, not an address"
    assert '<span class="badge">simulated</span>' in text
    assert "95 %" in text


def test_the_page_holds_the_rows_of_its_featurizer_and_by_how_many_each_is_a_hit(tmp_path: Path) -> None:
    data = data_of(written(tmp_path)["html"])
    assert data["types"] == ["HRCE", "VERO"]
    assert len(data["rows"]) == len(NAMED) * 2
    rows = {(row[0], data["types"][row[1]]): row for row in data["rows"]}
    _, _, hit, called, flags, reason, numbers, doses = rows["SIM-1", "VERO"]
    assert (hit, called, [data["flags"][flag] for flag in flags], reason) == (1, 2, ["toxic"], None)
    assert numbers[data["shown"].index("ec50_um")] == 1
    assert [dose[0] for dose in doses] == list(TESTED)
    assert [dose[5] for dose in doses] == [0, 0, 0, 0, 0, 1]
    without = rows["Polydatin (simulated)", "HRCE"]
    assert data["reasons"][without[5]] == "a constant fits as well"


def test_a_name_cannot_end_the_script_that_holds_it(tmp_path: Path) -> None:
    html = written(tmp_path, compounds={NASTY: 0.5, "SIM-2": 0.1})["html"]
    assert NASTY in [row[0] for row in data_of(html)["rows"]]
    assert "<b>1,3" not in html.read_text(encoding="utf-8")
    assert "<" not in as_json({"a": NASTY})


def test_a_missing_template_or_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="no template for the page: "):
        page([tmp_path / "none.html.jinja"])
    doses, compounds = write_compounds_of(tmp_path)
    doses.unlink()
    with pytest.raises(FigureError, match="featurizer gandl has no doses of compounds"):
        write_compounds(
            {"gandl": compounds},
            {"gandl": doses},
            [],
            featurizer="gandl",
            confidence=0.95,
            false_discovery=0.05,
            settings=FiguresSettings(),
            html=tmp_path / "x",
            csv=tmp_path / "y",
            parquet=tmp_path / "z",
        )


ACTIONS = """() => {
const said = [], names = () => [...document.querySelectorAll("button.name")].map((b) => b.textContent).join("|");
const note = (name) => said.push(`${name}: ${names()}`), count = (what) => document.querySelectorAll(`tr.more ${what}`).length;
const input = (id, value) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event("input")); };
const key = (name) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
window.addEventListener("error", (e) => said.push(`error: ${e.message}`));
input("type", "VERO"); note("vero");
input("hit", "1"); note("hits");
document.querySelector('select.flag[data-flag="toxic"]').value = "0";
document.querySelector('select.flag[data-flag="toxic"]').dispatchEvent(new Event("input")); note("harmless");
input("search", "sim-3"); note("found");
document.getElementById("clear").click(); note("reset");
document.querySelectorAll("thead button")[3].click(); note("efficacy");
key("/"); said.push(`focus: ${document.activeElement.id}`);
document.querySelector("button.name").focus(); key("ArrowDown"); said.push(`down: ${document.activeElement.textContent}`);
document.activeElement.click(); said.push(`open: ${count("tr") - 1} doses, ${count("svg circle")} points`);
return said;
}"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """The page of two cell types in a browser."""
    html = written(tmp_path, cell_types=("HRCE", "VERO"))["html"]
    with browser() as launched:
        found = open_file(launched, html, ready="#body tr")
        yield found
        assert found.errors == []


def test_the_page_searches_filters_sorts_and_opens_by_keyboard(opened: Opened) -> None:
    said = dict(line.split(": ", 1) for line in opened.page.evaluate(ACTIONS))
    assert "error" not in said, said["error"]
    assert len(said["vero"].split("|")) == len(NAMED)
    assert set(said["hits"].split("|")) == {name for name, efficacy in NAMED.items() if efficacy > 0}
    assert "SIM-1" not in said["harmless"].split("|")
    assert said["found"] == "SIM-3"
    assert len(said["reset"].split("|")) == 2 * len(NAMED)
    assert said["efficacy"].split("|")[0] == "Remdesivir (simulated)"
    assert said["focus"] == "search"
    assert said["down"] == said["efficacy"].split("|")[1]
    assert said["open"] == f"{len(TESTED)} doses, {len(TESTED)} points"


def test_a_saved_selection_names_its_featurizer_and_its_images(opened: Opened, tmp_path: Path) -> None:
    opened.page.fill("#search", "remdesivir")
    opened.page.select_option("#type", "VERO")
    with opened.page.expect_download() as download:
        opened.page.click("#save")
    assert download.value.suggested_filename == "compounds_selection.csv"
    download.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["featurizer"], row["compound"], row["cell_type"]) == ("gandl", "Remdesivir (simulated)", "VERO")
    assert row["images"] == "simulated"
    whole = pd.read_csv(tmp_path / "compounds.csv").query("featurizer == 'gandl' and cell_type == 'VERO'")
    (full,) = whole[whole["compound"] == row["compound"]].to_dict("records")
    assert float(row["efficacy"]) == pytest.approx(full["efficacy"], rel=1e-3)
    assert int(row["hit"]) == full["hit"]


def test_the_page_says_what_the_scores_are_scaled_by(tmp_path: Path) -> None:
    assert "−1 is the mean of the negative" in written(tmp_path)["html"].read_text(encoding="utf-8")
    text = written(tmp_path, scaling="preprint")["html"].read_text(encoding="utf-8")
    assert "span −1 (towards C−) to +1" in text
    assert "mean of the negative" not in text
    assert "means of the controls" not in text
