"""The audit page in a browser: at 1,200 px no table is cut, with every section open. Skipped where there is no Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gandl.report.audit import write_audit
from report_inputs import Screen

CHROMIUM = shutil.which("chromium")
MEASURE = """<script>
document.querySelectorAll("details").forEach((one) => { one.open = true; });
const wide = [...document.querySelectorAll(".scroll, table, main")].filter((one) => one.scrollWidth > one.clientWidth + 1);
const where = (one) => one.tagName + " in " + (one.closest("details div[id]")?.id || "the top");
const cut = wide.map((one) => where(one) + ": " + one.scrollWidth + " px in " + one.clientWidth);
document.documentElement.dataset.found = JSON.stringify({ cut, window: innerWidth, page: document.documentElement.scrollWidth });
</script>"""


def measured(page: Path, folder: Path) -> dict[str, object]:
    """What does not fit at 1,200 px, of a copy of a page with all its sections open."""
    copy = folder / "measured.html"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command += ["--disable-background-networking", f"--user-data-dir={folder / 'browser'}", "--window-size=1200,900"]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r'data-found="([^"]+)"', done.stdout)
    assert found, done.stderr[-500:]
    return json.loads(found.group(1).replace("&quot;", '"'))


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_no_table_of_the_page_is_cut_at_1200_px(tmp_path: Path, repository: Path) -> None:
    write_audit(Screen().write(tmp_path, repository), tmp_path / "audit.html", tmp_path / "summary.txt")
    found = measured(tmp_path / "audit.html", tmp_path)
    assert found["cut"] == []
    assert found["page"] == found["window"] == 1200
