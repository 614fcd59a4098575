"""The explorer in a browser: it opens from its file, asks nothing of the network, and serves mouse and keyboard alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import Opened, browser, open_file
from explorer_inputs import HALFWAY, write_page


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
    for title in ("header", "#scatter-note", "#well-title", "#plate-title", "#curve-title", "#hits-title"):
        assert "simulated" in text(opened, title)
    assert "144 wells on 3 plates" in text(opened, "header")
    assert colours_of_canvas(opened, "#scatter canvas >> nth=0") > 10
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
    assert {line.split("\t")[0] for line in rows.all_inner_texts()} == {"GS-441524 (simulated)"}
    opened.page.select_option("#filter-flag", "")
    opened.page.click("#hits th[data-key=compound] button")
    assert rows.first.inner_text().startswith("<i>Aspirin</i>")
    assert opened.page.locator("#hits tbody i").count() == 0  # names are text, not markup


def test_a_link_leads_from_a_plate_to_a_curve_by_keyboard_alone(opened: Opened) -> None:
    opened.page.focus("#plate")
    press(opened, "ArrowRight", *["ArrowRight"] * 4, *["ArrowDown"] * 2, "Enter")
    wait_for(opened, "#well", "HRCE-1_1 C05")
    assert "GS-441524" in text(opened, "#well")
    opened.page.press("#to-curve", "Enter")  # at once: the panel may be drawn anew between focus and key
    wait_for(opened, "#curve-title", "GS-441524 (simulated), HRCE")
    wait_for(opened, "#curve-facts", "falls with the dose")
    opened.page.locator("#curve-title:focus").wait_for()


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
    assert colours_of_canvas(opened, "#scatter canvas >> nth=1") > 3  # rings


def view_of(opened: Opened) -> list[float]:
    """The ends of the axes of the scatter, once it has come to rest."""
    opened.page.wait_for_timeout(400)
    return [float(end) for end in str(opened.page.locator("#scatter").get_attribute("data-view")).split()]


def test_the_scatter_is_panned_and_zoomed_by_keyboard_wheel_and_drag(opened: Opened) -> None:
    first = view_of(opened)
    opened.page.focus("#scatter")
    press(opened, "+")
    closer = view_of(opened)
    assert closer[1] - closer[0] == pytest.approx(0.75 * (first[1] - first[0]), rel=1e-4)
    assert closer[0] + closer[1] == pytest.approx(first[0] + first[1], abs=1e-4)
    press(opened, "Shift+ArrowRight", "0")
    assert view_of(opened) == first
    box = opened.page.locator("#scatter").bounding_box()
    x, y = box["x"] + 58, box["y"] + 10  # the corner of the plot, which stays where it is
    opened.page.mouse.move(x, y)
    opened.page.mouse.wheel(0, -100)
    nearer = view_of(opened)
    assert nearer[0] == pytest.approx(first[0], abs=1e-4)
    assert nearer[3] == pytest.approx(first[3], abs=2e-3)  # a wheel is read in whole px
    assert nearer[1] < first[1]
    opened.page.mouse.move(x + 300, y + 300)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 350, y + 280, steps=3)
    opened.page.mouse.up()
    moved = view_of(opened)
    across, up = nearer[1] - nearer[0], nearer[3] - nearer[2]
    assert moved[0] == pytest.approx(nearer[0] - 50 / (box["width"] - 72) * across, abs=1e-3)
    assert moved[2] == pytest.approx(nearer[2] - 20 / (box["height"] - 58) * up, abs=1e-3)
    assert text(opened, "#selection-count") == "No well is selected."


def test_the_wells_are_drawn_before_the_library_runs(launched: Any, page_file: Path) -> None:
    watch = """const mark = performance.mark.bind(performance);
      window.libraryAt = {};
      performance.mark = (name) => { window.libraryAt[name] = !!window.Plotly; return mark(name); };"""
    opened = open_file(launched, page_file, before=watch)
    assert opened.page.evaluate("window.libraryAt") == {"scatter-drawn": False, "all-drawn": True}
    assert opened.errors == []
    opened.page.close()


def test_the_same_link_leads_to_its_plate_again_and_the_address_names_what_is_shown(opened: Opened) -> None:
    opened.page.focus("#plate")
    press(opened, "ArrowRight", "Enter")
    link = opened.page.locator("#well a", has_text="Its plate")
    for _ in range(2):
        opened.page.focus("#plate")
        press(opened, "PageDown")
        wait_for(opened, "#plate-title", "HRCE-1_2")
        link.click()
        wait_for(opened, "#plate-title", "HRCE-1_1")
        assert opened.page.evaluate("document.activeElement.id") == "plate-title"
    opened.page.select_option("#plate-choice", label="VERO-1_1")
    opened.page.wait_for_url(re.compile("plate=VERO-1_1"))
    assert "well=HRCE-1_1_" in opened.page.url


def test_an_address_names_a_view_and_says_what_is_not_there(launched: Any, page_file: Path) -> None:
    opened = open_file(launched, page_file, address="#compound=gs-441524&cell=VERO&featurizer=intensity")
    wait_for(opened, "#curve-title", "GS-441524 (simulated), VERO")
    assert opened.page.input_value("#featurizer") == "intensity"
    assert text(opened, "#notice") == ""
    opened.page.evaluate("location.hash = '#compound=Favipiravir&plate=HRCE-9_9'")
    wait_for(opened, "#notice", "no plate “HRCE-9_9”, no dose response of “Favipiravir”")
    opened.page.fill("#compound", "Nothing")
    opened.page.keyboard.press("Enter")
    wait_for(opened, "#notice", "no dose response of “Nothing”")
    opened.page.fill("#compound", "Remdesivir")
    opened.page.keyboard.press("Enter")
    wait_for(opened, "#curve-title", "Remdesivir, VERO")
    assert text(opened, "#notice") == ""
    assert opened.errors == []
    opened.page.close()


def test_a_browser_that_cannot_unpack_the_page_says_so(launched: Any, page_file: Path) -> None:
    opened = open_file(launched, page_file, before="delete window.DecompressionStream", ready="#notice:not(:empty)")
    assert "this browser cannot unpack the data" in text(opened, "#notice")
    opened.page.close()


def test_all_plates_are_one_stop_of_the_tab_key(opened: Opened) -> None:
    assert opened.page.locator("#all-plates button").count() == 0  # closed
    opened.page.focus("#overview summary")
    press(opened, "Enter")
    opened.page.wait_for_selector("#all-plates button")
    press(opened, "Tab")
    chosen = "document.activeElement.dataset.plate"
    assert opened.page.evaluate(chosen) == "0"
    press(opened, "ArrowRight", "ArrowRight")
    assert opened.page.evaluate(chosen) == "2"
    wait_for(opened, "#plate-title", "VERO-1_1")
    press(opened, "Tab")
    assert opened.page.evaluate("document.activeElement.id") == "compound"


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


def test_an_ec50_without_a_curve_lies_halfway_between_bottom_and_top(opened: Opened) -> None:
    opened.page.select_option("#featurizer", "imagenet_collapsed")
    opened.page.fill("#compound", "Remdesivir")
    opened.page.keyboard.press("Enter")
    wait_for(opened, "#curve-title", "Remdesivir")
    opened.page.wait_for_timeout(500)
    marker = opened.page.evaluate("document.getElementById('curve').data.at(-1)")
    assert (marker["x"], marker["y"]) == ([0.1], [HALFWAY])


def test_dark_and_light_follow_the_system_and_the_choice(launched: Any, page_file: Path) -> None:
    opened = open_file(launched, page_file, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(ground) == "rgb(22, 27, 32)"
    opened.page.select_option("#theme", "light")
    assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert opened.errors == []
    opened.page.close()
