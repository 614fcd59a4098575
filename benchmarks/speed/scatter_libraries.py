"""Which library pans and zooms 76,380 points without a graphics card? Plotly, regl-scatterplot, deck.gl and Vega-Lite in turn.

Each draws the same points in the system's Chromium, headless, with the flags of `explorer.py`, and is dragged and zoomed with the
mouse. Plotly comes from its PyPI package; the others are bundled before, in a folder of `npm install regl-scatterplot
@deck.gl/core @deck.gl/layers vega vega-lite vega-embed esbuild`. `python -m benchmarks.speed.scatter_libraries --modules FOLDER`
prints frames per second; `--write` also appends them to `benchmarks/results/scatter_libraries.csv`. `--software-webgl` adds the
flag without which newer versions of Chromium draw no WebGL on such a machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chromium import launched
from benchmarks.measuring import RESULTS, append, machine
from benchmarks.speed.explorer import WELLS
from benchmarks.speed.frames import busiest, goes_on, processor_time

SIDE = (900, 560)
SETUPS = {
    "plotly (scattergl)": (
        "",
        """Plotly.newPlot("plot", [{type: "scattergl", mode: "markers", x, y, marker: {size: 4, opacity: 0.6}}],
          {dragmode: "pan", width: 900, height: 560}, {scrollZoom: true});""",
    ),
    "regl-scatterplot": (
        'import createScatterplot from "regl-scatterplot"; window.createScatterplot = createScatterplot;',
        """const canvas = document.createElement("canvas"); document.getElementById("plot").append(canvas);
          canvas.style.width = "900px"; canvas.style.height = "560px";
          window.plot = createScatterplot({canvas, width: 900, height: 560, pointSize: 4});
          window.plot.draw({x: x.map((v) => v / 4), y: y.map((v) => v / 4)});""",
    ),
    "deck.gl": (
        'import { Deck, OrthographicView } from "@deck.gl/core"; import { ScatterplotLayer } from "@deck.gl/layers"; '
        "Object.assign(window, { Deck, OrthographicView, ScatterplotLayer });",
        """const value = new Float32Array(2 * x.length); x.forEach((v, i) => { value[2 * i] = v; value[2 * i + 1] = y[i]; });
          const data = {length: x.length, attributes: {getPosition: {value, size: 2}}};
          new Deck({parent: document.getElementById("plot"), width: 900, height: 560, controller: true,
            views: new OrthographicView(), initialViewState: {target: [0, 0, 0], zoom: 6},
            layers: [new ScatterplotLayer({id: "wells", data, radiusUnits: "pixels", getRadius: 2,
              getFillColor: [0, 114, 178, 150]})]});""",
    ),
    "vega-lite (canvas)": (
        'import embed from "vega-embed"; window.embed = embed;',
        """embed("#plot", {width: 820, height: 500, data: {values: x.map((v, i) => ({x: v, y: y[i]}))},
          mark: {type: "point", filled: true, size: 12}, params: [{name: "view", select: "interval", bind: "scales"}],
          encoding: {x: {field: "x", type: "quantitative"}, y: {field: "y", type: "quantitative"}}},
          {renderer: "canvas", actions: false});""",
    ),
}
"""Library: what of it is bundled (nothing: it comes from PyPI), and how it is told to draw `x` and `y`."""


def page_of(name: str, modules: Path, folder: Path) -> Path:
    """A page in which one library draws the points."""
    entry, setup = SETUPS[name]
    script = folder / "library.js"
    if entry:
        source = modules / "entry.js"
        source.write_text(entry, encoding="utf-8")
        command: list[str | Path] = [
            modules / "node_modules/.bin/esbuild",
            source,
            "--bundle",
            "--minify",
            f"--outfile={script}",
            "--log-level=error",
        ]
        subprocess.run(command, check=True, cwd=modules)
    else:
        script.write_text(
            files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8"), encoding="utf-8"
        )
    rng = np.random.default_rng(0)
    x, y = (json.dumps(rng.standard_normal(WELLS).round(3).tolist()) for _ in range(2))
    page = folder / "page.html"
    page.write_text(
        f"""<!doctype html><meta charset="utf-8"><div id="plot" style="width:900px;height:560px;position:relative"></div>
        <script src="library.js"></script><script>const x = {x}, y = {y};
        window.problems = []; addEventListener("error", (event) => window.problems.push(event.message));
        try {{ {setup} }} catch (error) {{ window.problems.push(String(error)); }}
        window.frames_ = []; const tick = (now) => {{ window.frames_.push(now); requestAnimationFrame(tick); }};
        requestAnimationFrame(tick);</script>""",
        encoding="utf-8",
    )
    return page


def measure(name: str, page_file: Path, flags: list[str], picture: Path | None) -> dict[str, Any]:
    """Frames per second of the page while it is dragged and zoomed; whether WebGL was there; what went wrong."""
    with launched(flags) as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 640})
        page.set_default_timeout(300_000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(page_file.resolve().as_uri())
        page.wait_for_timeout(4000)
        webgl = page.evaluate("() => !!document.createElement('canvas').getContext('webgl2')")
        x, y = SIDE[0] / 2, SIDE[1] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        panned, pan_work = rate(page, lambda k: page.mouse.move(x + 120 * np.sin(k / 9), y + 80 * np.cos(k / 7)))
        page.mouse.up()
        zoomed, zoom_work = rate(page, lambda k: page.mouse.wheel(0, 40 if k // 25 % 2 else -40))
        if picture:
            page.screenshot(path=str(picture))
        problems += page.evaluate("() => window.problems")
    return {
        "library": name,
        "webgl": webgl,
        "pan_frames_per_s": panned,
        "pan_frames_per_core_s": pan_work,
        "zoom_frames_per_s": zoomed,
        "zoom_frames_per_core_s": zoom_work,
        "problems": "; ".join(problems)[:200],
    }


def rate(page: Any, act: Any) -> tuple[float, float]:
    """Frames per second while something is done again and again: by the clock, and with a core for the busiest thread."""
    page.evaluate("() => { window.frames_ = []; }")
    before, begun, k = processor_time(), time.perf_counter(), 0
    while goes_on(begun, lambda: page.evaluate("() => window.frames_.length"), k):
        act(k)
        k += 1
    times = page.evaluate("() => window.frames_")
    count = len(times) - 1
    by_clock = 1000 * count / (times[-1] - times[0]) if count > 0 else 0.0
    return round(by_clock, 1), round(count / busiest(before, processor_time()), 1)


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", type=Path, required=True, help="folder of npm install")
    parser.add_argument("--only", choices=list(SETUPS), help="one library")
    parser.add_argument("--software-webgl", action="store_true")
    parser.add_argument("--write", action="store_true", help="append to results/scatter_libraries.csv")
    parser.add_argument("--pictures", type=Path, help="folder for a screenshot of each")
    options = parser.parse_args()
    flags = ["--enable-unsafe-swiftshader"] if options.software_webgl else []
    rows = []
    for name in [options.only] if options.only else SETUPS:
        with tempfile.TemporaryDirectory() as place:
            page = page_of(name, options.modules, Path(place))
            picture = options.pictures / f"{name.split()[0]}.png" if options.pictures else None
            found = measure(name, page, flags, picture)
        about = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "load": round(os.getloadavg()[0], 1),
            "points": WELLS,
            "software_webgl": options.software_webgl,
        }
        rows.append({**about, **found})
        print(found)
    if options.write:
        append(rows, RESULTS / "scatter_libraries.csv")


if __name__ == "__main__":
    main()
