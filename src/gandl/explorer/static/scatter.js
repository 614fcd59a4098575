// Scatter: all wells in a space. It needs no library and is drawn before the rest of the page is unpacked. One canvas holds points
// and axes, one above it rings and outlines. While it moves, as many wells are drawn as a picture's time allows, all once it rests.
import { drawAxes, ruleLines, ticksOf } from "./axes.js";
import { about, loadGroups, loadNeighbours, loadScores } from "./data.js";
import { insideOutline, startGestures } from "./gestures.js";
import { startGroups, stylesOf } from "./groups.js";
import { change, listen, selectWells, shownWell, state, toggleWell } from "./state.js";
import { colours, decimals, speak, wellFacts } from "./look.js";
import { nearestPoint, nextPoint, paint, pixelOf } from "./raster.js";

const EDGES = { l: 58, r: 14, t: 10, b: 48 }; // px around the plot
const REACH = 14; // px within which a well is pointed at
const [RADIUS_FEW, RADIUS_MANY, RADIUS_MOVING, MANY] = [4.5, 1.9, 1.3, 40000];
const RESTED = 150; // ms after the last movement
const [MOST_MS, FEWEST_SHOWN] = [8, 1 / 16]; // of writing the points of a picture that moves; the least share of them
const NARROWEST = 1e-5; // width of a view
let lastSeries = { series: -1, list: [] };

/** Start the panel; resolves when its first picture is on the screen, with a function that takes the wells' other columns. */
export async function startScatter() {
  const panel = document.getElementById("scatter");
  const [canvas, marks] = panel.querySelectorAll("canvas");
  const [context, above] = [canvas.getContext("2d", { alpha: false }), marks.getContext("2d")];
  const family = getComputedStyle(document.body).fontFamily;
  const group = await loadGroups();
  const points = {
    x: null,
    y: null,
    order: new Uint32Array(0),
    style: new Uint8Array(about.wells),
    styles: [],
    view: [-2, 2, -2, 2],
  };
  let [wells, mode, rings, outline] = [null, "pan", [], []];
  let [size, density, image, pixels] = [[0, 0], 1, null, null];
  let [waiting, inView, moving, every] = [false, 0, 0, 1]; // while it moves, every `every`-th well is drawn

  const plotSize = () => [size[0] - EDGES.l - EDGES.r, size[1] - EDGES.t - EDGES.b];

  function measure() {
    const now = [panel.clientWidth, panel.clientHeight, Math.min(devicePixelRatio || 1, 2)];
    if (now.join() === [...size, density].join()) return;
    [size, density] = [now.slice(0, 2), now[2]];
    const [width, height] = plotSize().map((px) => Math.round(px * density));
    if (width < 2 || height < 2) return;
    for (const one of [canvas, marks])
      Object.assign(one, { width: Math.round(size[0] * density), height: Math.round(size[1] * density) });
    image = context.createImageData(width, height);
    pixels = new Uint32Array(image.data.buffer);
    redraw();
  }

  function draw() {
    waiting = false;
    if (!points.x || !image) return;
    const begun = performance.now();
    const { ground, line, ink } = colours();
    const ticks = ticksOf(points.view, ...plotSize());
    const step = moving ? every : 1;
    pixels.fill(pixelOf(ground));
    ruleLines(pixels, image.width, image.height, points.view, ticks, pixelOf(line));
    const only = state.selected.includes(1) ? state.selected : null;
    inView = step * paint(pixels, image.width, image.height, { ...points, step, radius: radius() * density, only });
    if (moving) spare(performance.now() - begun);
    context.putImageData(image, Math.round(EDGES.l * density), Math.round(EDGES.t * density));
    context.setTransform(density, 0, 0, density, 0, 0);
    const titles = about.spaces[state.space];
    drawAxes(context, { edges: EDGES, size, view: points.view, ticks, titles, colour: ink, ground, family });
    drawMarks();
    panel.dataset.view = points.view.map((end) => end.toPrecision(6)).join(" ");
    panel.dispatchEvent(new CustomEvent("drawn", { detail: { ms: performance.now() - begun, share: 1 / step } }));
  }

  /** Fewer wells where writing them takes too long, more where there is time. */
  function spare(ms) {
    if (ms > MOST_MS && every < 1 / FEWEST_SHOWN) every *= 2;
    else if (ms < MOST_MS / 3 && every > 1) every /= 2;
  }

  /** Rings, and the outline that is being drawn. */
  function drawMarks() {
    const [width, height] = plotSize();
    above.setTransform(density, 0, 0, density, 0, 0);
    above.clearRect(0, 0, ...size);
    above.save();
    above.beginPath();
    above.rect(EDGES.l, EDGES.t, width, height);
    above.clip();
    for (const { list, colour, radius: r, width: line } of rings) {
      [above.strokeStyle, above.lineWidth] = [colour, line];
      for (const i of list) {
        const [px, py] = placeOfPoint(i);
        above.beginPath();
        above.arc(px, py, r, 0, 2 * Math.PI);
        above.stroke();
      }
    }
    if (outline.length) {
      [above.strokeStyle, above.lineWidth] = [colours().ink, 1];
      above.beginPath();
      outline.forEach(([px, py]) => above.lineTo(px, py));
      above.closePath();
      above.stroke();
    }
    above.restore();
  }

  function placeOfPoint(i) {
    const [[x0, x1, y0, y1], [width, height]] = [points.view, plotSize()];
    return [EDGES.l + ((points.x[i] - x0) / (x1 - x0)) * width, EDGES.t + ((y1 - points.y[i]) / (y1 - y0)) * height];
  }

  function valuesAt([px, py]) {
    const [[x0, x1, y0, y1], [width, height]] = [points.view, plotSize()];
    return [x0 + ((px - EDGES.l) / width) * (x1 - x0), y1 - ((py - EDGES.t) / height) * (y1 - y0)];
  }

  function radius() {
    if (moving && inView > MANY / 2) return RADIUS_MOVING;
    const crowded = Math.min(1, Math.log10(Math.max(inView, 10) / 10) / Math.log10(MANY / 10));
    return Math.round(10 * (RADIUS_FEW + (RADIUS_MANY - RADIUS_FEW) * crowded)) / 10;
  }

  function redraw() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  function move(view) {
    clearTimeout(moving);
    moving = setTimeout(() => {
      moving = 0;
      redraw();
    }, RESTED);
    points.view = view;
    redraw();
  }

  /** Zoom about a place of the panel; without one about the middle. */
  function zoom(factor, at = [size[0] / 2 + (EDGES.l - EDGES.r) / 2, size[1] / 2 + (EDGES.t - EDGES.b) / 2]) {
    const [[x0, x1, y0, y1], [x, y]] = [points.view, valuesAt(at)];
    if (factor < 1 && Math.min(x1 - x0, y1 - y0) < NARROWEST) return;
    if (factor > 1 && Math.max(x1 - x0, y1 - y0) > 1 / NARROWEST) return;
    move([x + (x0 - x) * factor, x + (x1 - x) * factor, y + (y0 - y) * factor, y + (y1 - y) * factor]);
  }

  /** Move the view by px of the panel. */
  function pan(dx, dy) {
    const [[x0, x1, y0, y1], [width, height]] = [points.view, plotSize()];
    const [right, up] = [(-dx / width) * (x1 - x0), (dy / height) * (y1 - y0)];
    move([x0 + right, x1 + right, y0 + up, y1 + up]);
  }

  function reset() {
    points.view = [...extent(points.x), ...extent(points.y)];
    redraw();
  }

  async function readScores() {
    const { featurizer, space } = state;
    const scores = (await loadScores(featurizer))[space];
    if (featurizer !== state.featurizer || space !== state.space) return;
    [points.x, points.y] = [scores.on, scores.off];
    await restyle();
    document.getElementById("scatter-title").textContent = `Wells in ${about.spaces[space].title}`;
    document.getElementById("scatter-note").textContent = noteOf(featurizer, space);
    reset();
    mark();
  }

  /** Who is drawn how, and in which order: treated wells below, controls above. */
  async function restyle() {
    const { styles, styleOf } = await stylesOf(group);
    const layers = Array.from({ length: 3 }, () => []);
    for (let i = 0; i < group.length; i += 1) {
      if (state.hidden.has(group[i]) || !Number.isFinite(points.x?.[i])) continue;
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
    if (!wells) return;
    const well = shownWell();
    const near = well >= 0 ? ((await loadNeighbours(state.featurizer, well)) ?? []) : [];
    if (well !== shownWell() || !points.x) return;
    const { ink, mark: accent } = colours();
    rings = [
      { list: wellsOfSeries(wells, state.series), colour: accent, radius: 4.5, width: 1.5 },
      { list: near.map((one) => one.well), colour: ink, radius: 6.5, width: 1.5 },
      { list: well >= 0 ? [well] : [], colour: accent, radius: 8.5, width: 3 },
    ];
    drawMarks();
  }

  function pointAt([px, py]) {
    return points.x ? nearestPoint(points, ...plotSize(), px - EDGES.l, py - EDGES.t, REACH) : -1;
  }

  function keep(well) {
    if (wells && well >= 0) change({ well, plate: wells.plate[well] });
  }

  function selectShown(within, add = false) {
    const shown = new Set(points.order);
    selectWells((i) => shown.has(i) && within(points.x[i], points.y[i]), add);
  }

  startGestures(panel, {
    mode: () => mode,
    pan,
    zoom,
    outline: (places, extending, done) => {
      outline = done ? [] : places;
      drawMarks();
      if (!done) return;
      const polygon = places.map(valuesAt);
      selectShown((x, y) => insideOutline(x, y, polygon), extending);
    },
    pick: (at) => keep(pointAt(at)),
    point: (at) => wells && change({ hover: pointAt(at) }),
    leave: () => change({ hover: -1 }),
  });

  const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  panel.addEventListener("keydown", (event) => {
    const direction = step[event.key];
    const act =
      {
        "+": () => zoom(0.75),
        "=": () => zoom(0.75),
        "-": () => zoom(1 / 0.75),
        0: reset,
        Enter: () => {
          keep(shownWell());
          change({ hover: -1 });
        },
        " ": () => shownWell() >= 0 && toggleWell(shownWell()),
        Escape: () => change({ hover: -1 }),
      }[event.key] ??
      (direction &&
        (() => (event.shiftKey ? pan(-0.1 * size[0] * direction[0], 0.1 * size[1] * direction[1]) : goOn(direction))));
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  function goOn(direction) {
    const from = shownWell();
    const [[x0, x1, y0, y1], [width, height]] = [points.view, plotSize()];
    const inside =
      from >= 0 && points.x[from] >= x0 && points.x[from] <= x1 && points.y[from] >= y0 && points.y[from] <= y1;
    const next = inside
      ? nextPoint(points, width, height, from, direction)
      : nearestPoint(points, width, height, width / 2, height / 2, Infinity);
    if (next < 0 || !wells) return;
    change({ hover: next });
    const said = wellFacts(wells, next)
      .map(([, text]) => text)
      .join(", ");
    speak(`${said}; on ${decimals(points.x[next])}, off ${decimals(points.y[next])}`);
  }

  const modes = document.querySelectorAll("#scatter-panel [data-mode]");
  modes.forEach((button) =>
    button.addEventListener("click", () => {
      mode = button.dataset.mode;
      panel.classList.toggle("outlining", mode !== "pan");
      modes.forEach((other) => other.setAttribute("aria-pressed", other === button));
    }),
  );
  const acts = { in: () => zoom(0.75), out: () => zoom(1 / 0.75), reset };
  document
    .querySelectorAll("#scatter-panel [data-do]")
    .forEach((button) => button.addEventListener("click", acts[button.dataset.do]));
  document.getElementById("selection-view").addEventListener("click", () => {
    const [x0, x1, y0, y1] = points.view;
    selectShown((x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1);
  });

  measure();
  startGroups(group, restyle);
  await readScores();
  new ResizeObserver(measure).observe(panel);
  listen(["featurizer", "space"], readScores);
  listen(["colour"], restyle);
  listen(["selections"], redraw);
  listen(["hover", "well", "series"], mark);
  listen(["theme"], () => {
    restyle();
    mark();
  });
  await new Promise(requestAnimationFrame); // in which it is drawn
  await new Promise(requestAnimationFrame); // by which it is on the screen
  return (found) => {
    wells = found;
    mark();
  };
}

/** The space that holds all values but the outermost few, with some room around. */
function extent(values) {
  const finite = Float32Array.from(values.filter(Number.isFinite)).sort();
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
