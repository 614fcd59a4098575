"""Figure and table of mechanisms of action: what is drawn is what the evaluation wrote, and what is published stands apart."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.mechanism import draw_mechanism, mechanism_figure
from gandl.figures.tables.table_mechanism import write_table_mechanism
from gandl.tables import NUMBERS, read_table
from mechanism_figure_inputs import MECHANISMS, Evaluated, write_evaluated

SETTINGS = FiguresSettings(dpi=50)


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def handle_data(self, data: str) -> None:
        self.words += data if data.strip() else ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mechanism")


@pytest.fixture(scope="module")
def evaluated(folder: Path) -> Evaluated:
    return write_evaluated(folder)


@pytest.fixture(scope="module")
def drawn(evaluated: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    paths = outputs(tmp_path_factory.mktemp("figure"), "figure")
    names = {"featurizer": "gandl_blocks", "normalization": "tvn"}
    draw_mechanism(evaluated.confusion, evaluated.numbers, settings=SETTINGS, word="simulated", **names, **paths)
    assert paths["svg"].stat().st_size > 0
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def test_the_csv_holds_every_count_and_the_numbers_of_its_protocol(evaluated: Evaluated, drawn: pd.DataFrame) -> None:
    counts = pd.read_parquet(evaluated.confusion)
    keys = ["scheme", "cell_type", "true", "predicted", "count"]
    pd.testing.assert_frame_equal(drawn[keys], counts[keys])
    numbers = read_table(evaluated.numbers, NUMBERS).set_index(["split", "metric"])["value"]
    for scheme, rows in drawn.groupby("scheme"):
        right = rows.loc[rows["true"] == rows["predicted"], "count"].sum()
        assert right / rows["count"].sum() == pytest.approx(numbers[f"{scheme}:MCF7", "accuracy"])
        assert set(rows["accuracy"]) == {numbers[f"{scheme}:MCF7", "accuracy"]}
        shares = rows.groupby("true")["share"].sum()
        assert shares[shares > 0].to_numpy() == pytest.approx(1)
    assert set(drawn["images"]) == {"simulated"}


def test_mechanisms_of_one_batch_are_grey_under_nscb_alone(drawn: pd.DataFrame) -> None:
    with style(SETTINGS):
        first, second = mechanism_figure(drawn).axes
    assert [label.get_text().replace("-\n", "-").replace("\n", " ") for label in first.get_xticklabels()] == list(
        MECHANISMS
    )
    grey = [round(patch.get_y() + 0.5) for patch in second.patches if patch.get_gid() == "not asked"]
    assert [MECHANISMS[i] for i in grey] == ["Cholesterol-lowering", "Kinase inhibitors"]
    assert not [patch for patch in first.patches if patch.get_gid() == "not asked"]
    assert sum(float(text.get_text()) for text in second.texts) == drawn.loc[drawn["scheme"] == "nscb", "count"].sum()
    assert "by chance" in first.get_title(loc="left")


def test_nothing_to_draw_is_said(evaluated: Evaluated, tmp_path: Path) -> None:
    given = {"featurizer": "gandl", "normalization": "tvn", "settings": SETTINGS, **outputs(tmp_path, "figure")}
    with pytest.raises(FigureError, match=r"featurizer gandl has no confusion counts of mechanisms: .*none\.parquet"):
        draw_mechanism(tmp_path / "none.parquet", evaluated.numbers, **given)
    empty = tmp_path / "empty.parquet"
    pd.read_parquet(evaluated.confusion).head(0).to_parquet(empty)
    with pytest.raises(FigureError, match="no treatment of gandl under tvn was matched"):
        draw_mechanism(empty, evaluated.numbers, **given)
    with pytest.raises(FigureError, match="no featurizer has treatments that were matched by mechanism"):
        write_table_mechanism(
            [], empty, methods=[], featurizers=[], settings=SETTINGS, html=tmp_path / "t.html", csv=tmp_path / "t.csv"
        )


def test_the_table_has_what_is_published_in_a_column_of_its_own(
    folder: Path, evaluated: Evaluated, repository: Path, tmp_path: Path
) -> None:
    others = [write_evaluated(folder, "lsgan", method, spread) for method, spread in (("none", 3.0), ("spherize", 1.0))]
    html, csv = tmp_path / "table.html", tmp_path / "table.csv"
    write_table_mechanism(
        [evaluated.numbers, *(one.numbers for one in others)],
        repository / "resources/paper_values.csv",
        methods=["tvn", "none", "spherize"],
        featurizers=["gandl_blocks", "lsgan"],
        settings=SETTINGS,
        html=html,
        csv=csv,
        word="simulated",
    )
    table = pd.read_csv(csv)
    known = table[table["published"].notna()].set_index(["featurizer", "normalization"])
    assert known["published"].to_dict() == {
        ("lsgan", "none"): 0.68,
        ("lsgan", "spherize"): 0.76,
        ("dcgan", "none"): 0.51,
        ("wgan", "none"): 0.56,
        ("cell_measurements", "none"): 0.9,
    }
    assert set(known["metric"]) == {"compound_accuracy"}
    assert known.loc[[("dcgan", "none"), ("wgan", "none")], "value"].isna().all()
    numbers = pd.concat([read_table(one.numbers, NUMBERS) for one in (evaluated, *others)])
    assert sorted(table["value"].dropna()) == pytest.approx(sorted(numbers["value"].dropna()))
    page = Text()
    page.feed(html.read_text(encoding="utf-8"))
    for words in (
        "Mechanism of action by the nearest treatment, simulated",
        "Published for the real BBBC021, not in this run",
        "This run’s images are simulated: the two cannot be compared.",
        "Spherized against no normalisation: NSC higher for 1 of 1 featurizer, by",
        "51.0 %",
    ):
        assert words in page.words, words
    assert "src=" not in html.read_text(encoding="utf-8").replace('src=""', "")
