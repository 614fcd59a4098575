"""The explorer in a browser: it opens from its file, asks nothing of the network, and serves mouse and keyboard alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import Opened, browser, open_file
from explorer_inputs import write_page


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def launched() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def opened(launched: Any, page_file: Path) -> Iterator[Opened]:
    found = open_file(launched, page_file)
    yield found
    assert found.errors == []
    assert [address for address in found.requested if not address.startswith(("file:", "data:", "blob:"))] == []
    found.page.close()


def text(opened: Opened, selector: str) -> str:
    return str(opened.page.locator(selector).inner_text())


def wait_for(opened: Opened, selector: str, words: str) -> None:
    """Until an element's text has these words. The page forbids evaluation of text, which `wait_for_function` needs."""
    opened.page.locator(selector, has_text=words).wait_for()


def press(opened: Opened, *keys: str) -> None:
    for key in keys:
        opened.page.keyboard.press(key)


def colours_of_canvas(opened: Opened, selector: str) -> int:
    """How many different pixels a canvas has."""
    script = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return int(opened.page.locator(selector).evaluate(script))


def test_the_page_opens_from_its_file_and_says_that_it_is_simulated(opened: Opened) -> None:
    assert "simulated" in text(opened, "header")
    assert "simulated" in text(opened, "#scatter-note")
    assert "144 wells on 3 plates" in text(opened, "header")
    assert colours_of_canvas(opened, "#scatter canvas") > 10
    assert opened.page.locator("#plate .heatmaplayer image, #plate .heatmaplayer path").count() > 0
    assert opened.page.locator("#curve .scatterlayer .trace").count() >= 5
    assert "MIT" in text(opened, "footer")


def test_wells_are_selected_with_a_box_and_exported(opened: Opened, tmp_path: Path) -> None:
    opened.page.click("[data-mode=select]")
    box = opened.page.locator("#scatter").bounding_box()
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    opened.page.mouse.move(x + 62, y + 14)
    opened.page.mouse.down()
    opened.page.mouse.move(x + width / 2, y + height / 2, steps=4)
    opened.page.mouse.move(x + width - 18, y + height - 52, steps=4)
    opened.page.mouse.up()
    wait_for(opened, "#selection-count", "144 wells selected.")
    with opened.page.expect_download() as download:
        opened.page.click("#selection-export")
    download.value.save_as(tmp_path / "wells.csv")
    with (tmp_path / "wells.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 144
    first = next(row for row in rows if row["well_id"] == "HRCE-1_1_A06")
    assert (first["compound"], first["concentration_um"], first["images"]) == ("Remdesivir", "0.3", "simulated")
    assert float(first["E2_on"]) == pytest.approx(-1 + 2 / (1 + 0.1 / 0.3), abs=1e-3)
    assert rows[-1]["group"] == "VERO neither"
    assert any(row["compound"] == '<i>Aspirin</i>, "acid"' for row in rows)
    opened.page.click("#selection-clear")
    assert text(opened, "#selection-count") == "No well is selected."


def test_the_table_of_compounds_is_searched_filtered_and_sorted(opened: Opened) -> None:
    rows = opened.page.locator("#hits tbody tr")
    assert rows.count() == 6
    opened.page.check("#filter-hit")
    assert rows.count() == 2
    opened.page.select_option("#filter-cell", "VERO")
    assert rows.count() == 1
    assert "Remdesivir" in rows.first.inner_text()
    assert "100 nM [70 nM, 150 nM]" in rows.first.inner_text()
    opened.page.uncheck("#filter-hit")
    opened.page.select_option("#filter-cell", "")
    opened.page.fill("#filter-text", "gs-")
    assert rows.count() == 2
    opened.page.fill("#filter-text", "")
    opened.page.select_option("#filter-flag", "falling")
    assert {line.split("\t")[0] for line in rows.all_inner_texts()} == {"GS-441524"}
    opened.page.select_option("#filter-flag", "")
    opened.page.click("#hits th[data-key=compound] button")
    assert rows.first.inner_text().startswith("<i>Aspirin</i>")
    assert opened.page.locator("#hits tbody i").count() == 0  # names are text, not markup


def test_a_link_leads_from_a_plate_to_a_curve_by_keyboard_alone(opened: Opened) -> None:
    opened.page.focus("#plate")
    press(opened, "ArrowRight", *["ArrowRight"] * 4, *["ArrowDown"] * 2, "Enter")
    wait_for(opened, "#well", "HRCE-1_1 C05")
    assert "GS-441524" in text(opened, "#well")
    opened.page.focus("#to-curve")
    press(opened, "Enter")
    wait_for(opened, "#curve-title", "GS-441524, HRCE")
    assert "falls with the dose" in text(opened, "#curve-facts")
    assert opened.page.evaluate("document.activeElement.id") == "curve-title"


def test_the_scatter_is_walked_by_keyboard_and_shows_images_and_neighbours(opened: Opened) -> None:
    opened.page.focus("#scatter")
    press(opened, "ArrowUp", "ArrowUp", "Enter", " ")
    assert text(opened, "#selection-count") == "1 well selected."
    opened.page.wait_for_selector("#near li button")
    assert opened.page.locator("#near li").count() == 6
    style = opened.page.locator("#well .thumb").get_attribute("style")
    assert "explorer/" in style
    opened.page.wait_for_timeout(1000)
    assert any(address.endswith(".jpg") for address in opened.requested)
    nearest = opened.page.locator("#near button").first
    name = nearest.inner_text().split("\n")[0] or nearest.inner_text().split("\n")[1]
    nearest.click()
    wait_for(opened, "#well", name)
    view = opened.page.evaluate("document.getElementById('axes').layout.xaxis.range")
    opened.page.focus("#scatter")
    press(opened, "+")
    closer = opened.page.evaluate("document.getElementById('axes').layout.xaxis.range")
    assert closer[1] - closer[0] < view[1] - view[0]


def test_another_featurizer_and_another_space_are_shown(opened: Opened) -> None:
    opened.page.select_option("#featurizer", "intensity")
    wait_for(opened, "#scatter-note", "Channel intensities")
    wait_for(opened, "#hits-count", "0 hits")
    opened.page.check("input[value=C2]")
    wait_for(opened, "#scatter-title", "HRCE against VERO")
    opened.page.select_option("#featurizer", "imagenet_collapsed")
    opened.page.focus("#plate")
    press(opened, "ArrowRight", "Enter")
    opened.page.wait_for_selector("text=A well has another profile in every fold")


def test_dark_and_light_follow_the_system_and_the_choice(launched: Any, page_file: Path) -> None:
    opened = open_file(launched, page_file, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(ground) == "rgb(22, 27, 32)"
    opened.page.select_option("#theme", "light")
    assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert opened.errors == []
    opened.page.close()
