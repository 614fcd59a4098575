"""Snakemake's report, the audit and the table of compounds of a whole run in a browser: every category, every result, no error.

It opens what the run of this folder's tests left; without a browser it is skipped (see `chromium.py`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chromium import Opened, browser, browser_here, open_file
from tiny_project import Project

RUN = "results/tiny"
INSIDE = ("file:", "data:", "blob:")
"""Addresses that leave no machine."""


@pytest.fixture(scope="module")
def launched() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def report(simulated: Project) -> Path:
    """The report of the run as one page."""
    browser_here()
    made = simulated.run("--report", "report.html")
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
    return simulated.folder / "report.html"


def closed(opened: Opened) -> None:
    """Close a page, of which nothing may have failed, and nothing may have been requested of a network."""
    assert opened.errors == []
    assert [address for address in opened.requested if not address.startswith(INSIDE)] == []
    opened.page.close()


def menu(opened: Opened) -> Any:
    """Entries of the menu that is shown."""
    return opened.page.locator("#app nav li > a:has(> span)")


def home(opened: Opened) -> None:
    opened.page.locator("#app nav nav ol a").first.click()


def check_shown(opened: Opened, label: str) -> str:
    """What a result shows: an image with a size that is not blank, or a page with text. Returns the kind."""
    image, frame = opened.page.locator("#app div.p-3 > img"), opened.page.locator("#app iframe")
    image.or_(frame).first.wait_for()
    if image.count():
        image.evaluate("async image => await image.decode()")
        width, height = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert min(width, height) > 50, label
        seen = Image.open(BytesIO(image.screenshot())).convert("RGB").getcolors(1 << 24)
        assert len(seen or ()) > 5, label
        return "image"
    body = frame.content_frame.locator("body")
    body.locator("h1, h2, table, p").first.wait_for()
    assert len(body.inner_text()) > 100, label
    for picture in frame.content_frame.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0"), label
    return "page"


def test_every_category_of_the_report_opens_every_result(launched: Any, report: Path) -> None:
    opened = open_file(launched, report, ready="#app nav li")
    known = opened.page.evaluate(
        "Object.fromEntries(Object.entries(results).map(([path, of]) => [path, of.labels.result]))"
    )
    categories = sorted(opened.page.evaluate("Object.keys(categories)"))
    assert len(categories) > 3
    kinds, seen = [], []
    for category in categories:
        home(opened)
        menu(opened).filter(has_text=category).first.click()
        rows = opened.page.locator("#app nav tbody tr")
        rows.first.wait_for()
        for row in rows.all():
            label = row.locator("td").first.inner_text()
            row.locator("a").first.click()
            kinds.append(check_shown(opened, label))
            seen.append(label)
    assert sorted(seen) == sorted(known.values())
    assert kinds.count("image") > 15
    assert kinds.count("page") > 5
    closed(opened)


def test_the_report_opens_with_the_run_and_shows_its_rules_and_times(launched: Any, report: Path) -> None:
    opened = open_file(launched, report, ready="#app nav li")
    for entry, selectors in (("Workflow", ["#rulegraph"]), ("Statistics", ["#runtimes", "#timeline"])):
        menu(opened).filter(has_text=entry).first.click()
        for selector in selectors:
            drawn = opened.page.locator(f"{selector} canvas, {selector} svg").first
            drawn.wait_for()
            assert drawn.bounding_box()["height"] > 50, selector
        if entry == "Workflow":
            text = opened.page.locator("#app").inner_text()
            assert "simulated" in text.lower()
            assert "tiny" in text
    closed(opened)


def test_a_caption_names_the_paper_and_leads_to_its_code(launched: Any, report: Path) -> None:
    opened = open_file(launched, report, ready="#app nav li")
    path = f"{RUN}/figures/figure_4.svg"
    category = opened.page.evaluate(
        "path => Object.entries(categories).find(([, of]) => Object.values(of).flat().includes(path))[0]", path
    )
    menu(opened).filter(has_text=category).first.click()
    row = opened.page.locator("#app nav tbody tr", has_text="Figure 4")
    row.locator("a").nth(1).click()
    opened.page.locator("#app nav", has_text="Beside the paper").first.wait_for()
    assert "Simulated screen" in opened.page.locator("#app nav").first.inner_text()
    opened.page.locator("#app nav li", has_text="figure_4").locator("a").last.click()
    opened.page.locator("#app nav", has_text="snakemake.params.calls").first.wait_for()
    closed(opened)


def test_the_audit_page_opens_folded_and_unfolded_without_a_complaint(launched: Any, simulated: Project) -> None:
    opened = open_file(launched, simulated.folder / RUN / "report/audit.html", ready="body table")
    assert "simulated" in opened.page.locator("body").inner_text().lower()
    folded = opened.page.locator("body > details, main > details, section > details")
    for details in opened.page.locator("details:not(details details) > summary").all():
        details.click()
    assert opened.page.locator("details[open]").count() >= max(1, folded.count())
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], "the page is wider than a window of 1,280 px"
    for picture in opened.page.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    closed(opened)


def test_compounds_of_the_run_are_filtered_and_saved(launched: Any, simulated: Project, tmp_path: Path) -> None:
    opened = open_file(launched, simulated.folder / RUN / "tables/compounds.html", ready="#body tr")
    every = opened.page.locator("#body tr").count()
    opened.page.select_option("#type", "VERO")
    vero = opened.page.locator("#body tr").count()
    assert 0 < vero < every
    opened.page.locator("button.name").first.click()
    assert opened.page.locator("tr.more svg circle").count() > 1
    with opened.page.expect_download() as download:
        opened.page.click("#save")
    download.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == vero
    assert {(row["cell_type"], row["featurizer"], row["images"]) for row in rows} == {
        ("VERO", "gandl_blocks", "simulated")
    }
    closed(opened)
