// Scatter: all wells in a space. The library draws axes and tools, `raster.js` the points into a canvas that lies below.
import { about, loadNeighbours, loadScores } from "./data.js";
import { startGroups, stylesOf } from "./groups.js";
import { change, listen, selectWells, shownWell, state, toggleWell } from "./state.js";
import { colours, decimals, plotLayout, speak, wellFacts } from "./look.js";
import { nearestPoint, nextPoint, paint, pixelOf } from "./raster.js";

const EDGES = { l: 58, r: 14, t: 10, b: 48 }; // px around the plot
const REACH = 14; // px within which a well is pointed at
let lastSeries = { series: -1, list: [] };
const [RADIUS_FEW, RADIUS_MANY, MANY] = [4.5, 1.9, 40000];
const [RADIUS_MOVING, RESTED] = [1.3, 150]; // px while many wells move; ms after which they are drawn in full

/** Start the panel; resolves when its first picture is drawn. */
export async function startScatter(wells) {
  const panel = document.getElementById("scatter");
  const axes = document.getElementById("axes");
  const canvas = panel.querySelector("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const points = {
    x: null,
    y: null,
    order: new Uint32Array(0),
    style: new Uint8Array(wells.n),
    styles: [],
    view: [-2, 2, -2, 2],
  };
  let [image, pixels, waiting, inView, moving, drag, extending] = [null, null, false, 0, 0, null, false];

  const plotWidth = () => panel.clientWidth - EDGES.l - EDGES.r;
  const plotHeight = () => panel.clientHeight - EDGES.t - EDGES.b;
  const density = () => Math.min(devicePixelRatio || 1, 2);

  function draw() {
    waiting = false;
    const begun = performance.now();
    const [width, height] = [Math.round(plotWidth() * density()), Math.round(plotHeight() * density())];
    if (width < 2 || height < 2 || !points.x) return;
    if (!image || image.width !== width || image.height !== height) {
      Object.assign(canvas, { width, height });
      Object.assign(canvas.style, {
        left: `${EDGES.l}px`,
        top: `${EDGES.t}px`,
        width: `${plotWidth()}px`,
        height: `${plotHeight()}px`,
      });
      image = context.createImageData(width, height);
      pixels = new Uint32Array(image.data.buffer);
    }
    pixels.fill(pixelOf(colours().ground));
    const only = state.selected.includes(1) ? state.selected : null;
    inView = paint(pixels, width, height, { ...points, radius: radius() * density(), only });
    context.putImageData(image, 0, 0);
    panel.dispatchEvent(new CustomEvent("drawn", { detail: performance.now() - begun }));
  }

  function radius() {
    if (moving && inView > MANY / 2) return RADIUS_MOVING;
    const crowded = Math.min(1, Math.log10(Math.max(inView, 10) / 10) / Math.log10(MANY / 10));
    return RADIUS_FEW + (RADIUS_MANY - RADIUS_FEW) * crowded;
  }

  function redraw() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  function look(view, tellAxes = true) {
    points.view = view;
    redraw();
    if (tellAxes) Plotly.relayout(axes, { "xaxis.range": view.slice(0, 2), "yaxis.range": view.slice(2) });
  }

  /** Many wells are drawn smaller while they move, which takes half the time. */
  function move(view, tellAxes) {
    clearTimeout(moving);
    moving = setTimeout(() => {
      moving = 0;
      redraw();
    }, RESTED);
    look(view, tellAxes);
  }

  /** Read what the library says of its ranges while they change. */
  function follow(event) {
    const read = (axis, end, old) => event[`${axis}.range[${end}]`] ?? event[`${axis}.range`]?.[end] ?? old;
    const [x0, x1, y0, y1] = points.view;
    move([read("xaxis", 0, x0), read("xaxis", 1, x1), read("yaxis", 0, y0), read("yaxis", 1, y1)], false);
  }

  function zoom(factor) {
    const [x0, x1, y0, y1] = points.view;
    const around = (a, b) => [(a + b) / 2 - ((b - a) / 2) * factor, (a + b) / 2 + ((b - a) / 2) * factor];
    move([...around(x0, x1), ...around(y0, y1)], true);
  }

  function pan(rightward, upward) {
    const [x0, x1, y0, y1] = points.view;
    const [dx, dy] = [(x1 - x0) * 0.1 * rightward, (y1 - y0) * 0.1 * upward];
    move([x0 + dx, x1 + dx, y0 + dy, y1 + dy], true);
  }

  function reset() {
    look([...extent(points.x), ...extent(points.y)]);
  }

  async function readScores() {
    const { featurizer, space } = state;
    const scores = (await loadScores(featurizer))[space];
    if (featurizer !== state.featurizer || space !== state.space) return;
    [points.x, points.y] = [scores.on, scores.off];
    await restyle();
    document.getElementById("scatter-title").textContent = `Wells in ${about.spaces[space].title}`;
    document.getElementById("scatter-note").textContent = noteOf(featurizer, space);
    await Plotly.relayout(axes, {
      "xaxis.title.text": about.spaces[space].x,
      "yaxis.title.text": about.spaces[space].y,
    });
    reset();
    mark();
  }

  /** Who is drawn how, and in which order: treated wells below, controls above. */
  async function restyle() {
    const { styles, styleOf } = await stylesOf(wells);
    const layers = Array.from({ length: 3 }, () => []);
    for (let i = 0; i < wells.n; i += 1) {
      if (state.hidden.has(wells.group[i]) || !Number.isFinite(points.x?.[i])) continue;
      points.style[i] = styleOf(i);
      layers[styles[points.style[i]].layer].push(i);
    }
    points.styles = styles;
    points.order = Uint32Array.from(layers.flat());
    inView = points.order.length;
    redraw();
  }

  /** Rings around the wells of the compound that is shown, the neighbours of the well that is described, and that well. */
  async function mark() {
    const well = shownWell();
    const near = well >= 0 ? ((await loadNeighbours(state.featurizer, well)) ?? []) : [];
    if (well !== shownWell() || !points.x) return;
    const { ink, mark: accent } = colours();
    const members = [wellsOfSeries(wells, state.series), near.map((one) => one.well), well >= 0 ? [well] : []];
    const places = (values) => members.map((list) => (list.length ? Array.from(list, (i) => values[i]) : [null]));
    Plotly.restyle(
      axes,
      { x: places(points.x), y: places(points.y), "marker.color": [accent, ink, accent] },
      [0, 1, 2],
    );
  }

  function pointAt(event) {
    const box = panel.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left - EDGES.l, event.clientY - box.top - EDGES.t];
    return points.x ? nearestPoint(points, plotWidth(), plotHeight(), px, py, REACH) : -1;
  }

  panel.addEventListener("pointermove", (event) => !drag && change({ hover: pointAt(event) }));
  panel.addEventListener("pointerleave", () => !drag && change({ hover: -1 }));
  panel.addEventListener(
    "pointerdown",
    (event) => {
      [drag, extending] = [event, event.shiftKey];
    },
    { capture: true },
  );
  addEventListener(
    "pointerup",
    (event) => {
      const still = drag && Math.hypot(event.clientX - drag.clientX, event.clientY - drag.clientY) < 4;
      drag = null;
      const well = still ? pointAt(event) : -1;
      if (well >= 0) change({ well, plate: wells.plate[well] });
    },
    { capture: true },
  );

  const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  panel.addEventListener("keydown", (event) => {
    const act =
      {
        "+": () => zoom(0.75),
        "=": () => zoom(0.75),
        "-": () => zoom(1 / 0.75),
        0: reset,
        Enter: () => shownWell() >= 0 && change({ well: shownWell(), plate: wells.plate[shownWell()], hover: -1 }),
        " ": () => shownWell() >= 0 && toggleWell(shownWell()),
        Escape: () => change({ hover: -1 }),
      }[event.key] ??
      (step[event.key] && (() => (event.shiftKey ? pan(...step[event.key]) : goOn(step[event.key]))));
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  function goOn(direction) {
    const from = shownWell();
    const [x0, x1, y0, y1] = points.view;
    const inside =
      from >= 0 && points.x[from] >= x0 && points.x[from] <= x1 && points.y[from] >= y0 && points.y[from] <= y1;
    const next = inside
      ? nextPoint(points, plotWidth(), plotHeight(), from, direction)
      : nearestPoint(points, plotWidth(), plotHeight(), plotWidth() / 2, plotHeight() / 2, Infinity);
    if (next < 0) return;
    change({ hover: next });
    const said = wellFacts(wells, next)
      .map(([, text]) => text)
      .join(", ");
    speak(`${said}; on ${decimals(points.x[next])}, off ${decimals(points.y[next])}`);
  }

  document.querySelectorAll("#scatter-panel [data-mode]").forEach((button) =>
    button.addEventListener("click", () => {
      document
        .querySelectorAll("#scatter-panel [data-mode]")
        .forEach((other) => other.setAttribute("aria-pressed", other === button));
      Plotly.relayout(axes, { dragmode: button.dataset.mode });
    }),
  );
  document
    .querySelectorAll("#scatter-panel [data-do]")
    .forEach((button) =>
      button.addEventListener("click", { in: () => zoom(0.75), out: () => zoom(1 / 0.75), reset }[button.dataset.do]),
    );
  document.getElementById("selection-view").addEventListener("click", () => {
    const [x0, x1, y0, y1] = points.view;
    selectShown((x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1);
  });

  function selectShown(within, add = false) {
    const shown = new Set(points.order);
    selectWells((i) => shown.has(i) && within(points.x[i], points.y[i]), add);
  }

  function layout() {
    return plotLayout({
      margin: EDGES,
      dragmode: "pan",
      hovermode: false,
      xaxis: { range: points.view.slice(0, 2), title: { text: about.spaces[state.space].x, standoff: 8 } },
      yaxis: { range: points.view.slice(2), title: { text: about.spaces[state.space].y, standoff: 8 } },
      newselection: { line: { color: colours().ink, width: 1 } },
    });
  }

  const ring = (size, width) => ({
    type: "scatter",
    mode: "markers",
    hoverinfo: "skip",
    x: [null],
    y: [null],
    marker: { symbol: "circle-open", size, line: { width } },
    selected: { marker: { opacity: 1 } },
    unselected: { marker: { opacity: 1 } },
  });
  await Plotly.newPlot(axes, [ring(9, 1.5), ring(13, 1.5), ring(17, 3)], layout(), {
    displayModeBar: false,
    scrollZoom: true,
    doubleClick: false,
    responsive: true,
  });
  axes.on("plotly_relayouting", follow);
  axes.on("plotly_relayout", (event) => Object.keys(event).some((key) => key.includes("range")) && follow(event));
  axes.on("plotly_selected", (event) => {
    if (event?.range) {
      const [[x0, x1], [y0, y1]] = [ascending(event.range.x), ascending(event.range.y)];
      selectShown((x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1, extending);
    } else if (event?.lassoPoints) {
      selectShown((x, y) => insidePolygon(x, y, event.lassoPoints.x, event.lassoPoints.y), extending);
    }
    Plotly.relayout(axes, { selections: [] });
  });
  new ResizeObserver(redraw).observe(panel);
  startGroups(wells, restyle);
  await readScores();
  await new Promise(requestAnimationFrame); // the picture is drawn before the next one
  listen(["featurizer", "space"], readScores);
  listen(["colour"], restyle);
  listen(["selections"], redraw);
  listen(["hover", "well", "series"], mark);
  listen(["theme"], async () => {
    await Plotly.relayout(axes, layout());
    restyle();
    mark();
  });
}

/** The space that holds all values but the outermost few, with some room around. */
function extent(values) {
  const finite = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!finite.length) return [-1, 1];
  const [low, high] = [finite[Math.floor(finite.length * 0.001)], finite[Math.ceil(finite.length * 0.999) - 1]];
  const room = 0.06 * (high - low) || 1;
  return [low - room, high + room];
}

/** The wells of a compound in a cell type; the last answer is kept, since a ring moves with every well pointed at. */
function wellsOfSeries(wells, series) {
  if (lastSeries.series !== series) {
    const [cell, compound] = about.series[series] ?? [-1, -2];
    const list = [];
    for (let i = 0; i < wells.n; i += 1) if (wells.compound[i] === compound && wells.cell[i] === cell) list.push(i);
    lastSeries = { series, list };
  }
  return lastSeries.list;
}

function noteOf(featurizer, space) {
  const chosen = about.featurizers.find(({ name }) => name === featurizer);
  const schemes = Object.entries(chosen.schemes[space] ?? {});
  const words = new Set(schemes.map(([, scheme]) => scheme));
  const held = words.size === 1 ? [...words][0] : schemes.map(([cell, scheme]) => `${cell}: ${scheme}`).join("; ");
  return `${about.word ? `${about.word} images; ` : ""}${chosen.label}; ${held || "no scores in this space"}`;
}

function ascending([a, b]) {
  return a < b ? [a, b] : [b, a];
}

/** Whether a point lies within a polygon: a ray from it crosses the outline an odd number of times. */
function insidePolygon(x, y, xs, ys) {
  let inside = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i, i += 1) {
    if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
  }
  return inside;
}
