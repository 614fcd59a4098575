// Plates: one plate as a heat map of the on score, linked with the scatter, and all plates in small.
import { about, loadScores } from "./data.js";
import { change, listen, selectWells, shownWell, state, toggleWell } from "./state.js";
import { colours, decimals, element, plotLayout, speak, titled, wellFacts } from "./look.js";
import { pixelOf } from "./raster.js";

const CONTROL_SIGNS = { positive: "circle-open", negative: "square-open" };
const [TRACE_SELECTED, TRACE_WELL] = [2, 3]; // behind the heat map and the controls

/** Start the panel; resolves when its first plate is drawn. */
export async function startPlates(wells) {
  const panel = document.getElementById("plate");
  const choice = document.getElementById("plate-choice");
  const members = about.plates.map(() => []);
  for (let i = 0; i < wells.n; i += 1) members[wells.plate[i]].push(i);
  const place = members.map((list) => new Map(list.map((i) => [`${wells.row[i]} ${wells.column[i]}`, i])));
  let [on, limit] = [null, 1];

  about.plates.forEach(({ name, cell }, plate) =>
    choice.append(element("option", { value: plate }, cell && !name.includes(cell) ? `${name} (${cell})` : name)),
  );
  choice.addEventListener("change", () => change({ plate: Number(choice.value) }));

  async function readScores() {
    const { featurizer, space } = state;
    const scores = (await loadScores(featurizer))[space].on;
    if (featurizer !== state.featurizer || space !== state.space) return;
    on = scores;
    const sizes = Float32Array.from(on).filter(Number.isFinite).map(Math.abs).sort();
    limit = Math.max(1, sizes[Math.floor(0.98 * sizes.length)] ?? 1);
    showAll();
    await showPlate();
  }

  async function showPlate() {
    if (!on) return;
    const plate = about.plates[state.plate];
    const mine = members[state.plate];
    choice.value = state.plate;
    document.getElementById("plate-title").textContent = titled(`Plate ${plate.name}`);
    const grid = Array.from({ length: plate.rows }, () => new Array(plate.columns).fill(null));
    const ids = Array.from({ length: plate.rows }, () => new Array(plate.columns).fill(-1));
    for (const i of mine) {
      grid[wells.row[i]][wells.column[i] - 1] = Number.isFinite(on[i]) ? on[i] : null;
      ids[wells.row[i]][wells.column[i] - 1] = i;
    }
    const { score, ink, mark } = colours();
    const scale = score.map((colour, step) => [step / (score.length - 1), colour]);
    const columns = Array.from({ length: plate.columns }, (_, c) => c + 1);
    const gap = plate.columns > 24 ? 0 : 1;
    const heat = {
      type: "heatmap",
      z: grid,
      x: columns,
      y: grid.map((_, r) => r),
      zmin: -limit,
      zmax: limit,
      colorscale: scale,
      xgap: gap,
      ygap: gap,
      customdata: ids,
      hoverinfo: "none",
      colorbar: { title: { text: "On score", side: "right" }, thickness: 12, outlinewidth: 0, tickcolor: ink },
    };
    const controls = mine.filter((i) => CONTROL_SIGNS[about.groups[wells.group[i]].kind]);
    const size = Math.max(3, Math.min(9, (panel.clientWidth - 150) / plate.columns / 2));
    const signs = marks(controls, {
      symbol: controls.map((i) => CONTROL_SIGNS[about.groups[wells.group[i]].kind]),
      size,
      color: ink,
      line: { width: 1 },
    });
    const layout = plotLayout({
      margin: { l: 34, r: 84, t: 24, b: 8 },
      dragmode: false,
      hovermode: "closest",
      xaxis: {
        side: "top",
        fixedrange: true,
        showgrid: false,
        range: [0.4, plate.columns + 0.6],
        dtick: plate.columns > 24 ? 4 : plate.columns > 12 ? 2 : 1,
        tick0: 1,
      },
      yaxis: {
        fixedrange: true,
        showgrid: false,
        range: [plate.rows - 0.4, -0.6],
        tickvals: rowTicks(plate.rows),
        ticktext: rowTicks(plate.rows).map((row) => about.row_names[row]),
      },
    });
    await Plotly.react(
      panel,
      [heat, signs, marks(selectedOf(mine), selectedLook(mark, size)), marks(wellHere(), wellLook(mark, size))],
      layout,
      { displayModeBar: false, responsive: true },
    );
  }

  function marks(list, marker) {
    const some = list.length > 0;
    return {
      type: "scatter",
      mode: "markers",
      hoverinfo: "skip",
      marker,
      x: some ? list.map((i) => wells.column[i]) : [null],
      y: some ? list.map((i) => wells.row[i]) : [null],
    };
  }

  const selectedOf = (mine) => mine.filter((i) => state.selected[i]);
  const selectedLook = (color, size) => ({ symbol: "circle", size: size * 0.7, color });
  const wellLook = (color, size) => ({ symbol: "square-open", size: size * 2, color, line: { width: 3 } });
  const wellHere = () => (shownWell() >= 0 && wells.plate[shownWell()] === state.plate ? [shownWell()] : []);

  function moveMark(trace, list) {
    if (!on || !panel.data || panel.data.length <= trace) return;
    const { x, y } = marks(list, {});
    Plotly.restyle(panel, { x: [x], y: [y] }, [trace]);
  }

  /** Every plate as a small picture, a pixel per well; made once the list is opened. */
  function showAll() {
    const box = document.getElementById("all-plates");
    if (!on || !document.getElementById("overview").open) return;
    const stops = colours().score.map(pixelOf);
    box.replaceChildren(
      ...about.plates.map(({ name, rows, columns }, plate) => {
        const canvas = element("canvas", { width: columns, height: rows, "aria-hidden": "true" });
        const context = canvas.getContext("2d");
        const image = context.createImageData(columns, rows);
        const pixels = new Uint32Array(image.data.buffer);
        for (const i of members[plate]) {
          if (!Number.isFinite(on[i])) continue;
          const level = Math.min(Math.max((on[i] / limit + 1) / 2, 0), 1);
          pixels[wells.row[i] * columns + wells.column[i] - 1] = stops[Math.round(level * (stops.length - 1))];
        }
        context.putImageData(image, 0, 0);
        const button = element(
          "button",
          {
            type: "button",
            tabIndex: plate === state.plate ? 0 : -1,
            "aria-pressed": plate === state.plate,
            "data-plate": plate,
          },
          canvas,
          name,
        );
        button.addEventListener("click", () => change({ plate }));
        return button;
      }),
    );
  }

  /** One of the small plates is reached by Tab, the others from there by arrows. */
  function pressed() {
    document.querySelectorAll("#all-plates button").forEach((button) => {
      const here = Number(button.dataset.plate) === state.plate;
      button.setAttribute("aria-pressed", here);
      button.tabIndex = here ? 0 : -1;
    });
  }

  document.getElementById("all-plates").addEventListener("keydown", (event) => {
    const last = about.plates.length - 1;
    const plate = {
      ArrowRight: Math.min(state.plate + 1, last),
      ArrowDown: Math.min(state.plate + 1, last),
      ArrowLeft: Math.max(state.plate - 1, 0),
      ArrowUp: Math.max(state.plate - 1, 0),
      Home: 0,
      End: last,
    }[event.key];
    if (plate === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    change({ plate });
    document.querySelector(`#all-plates button[data-plate="${plate}"]`).focus();
  });

  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  panel.addEventListener("keydown", (event) => {
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    const act =
      (steps[event.key] && (() => goOn(...steps[event.key]))) ??
      (turn && (() => change({ plate: (state.plate + turn + about.plates.length) % about.plates.length }))) ??
      {
        Enter: () => wellHere().length && change({ well: wellHere()[0], hover: -1 }),
        " ": () => wellHere().length && toggleWell(wellHere()[0]),
        Escape: () => change({ hover: -1 }),
      }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  function goOn(down, across) {
    const { rows, columns } = about.plates[state.plate];
    const [here] = wellHere();
    let next = here === undefined ? members[state.plate][0] : undefined;
    for (let step = 1; next === undefined && step <= Math.max(rows, columns); step += 1) {
      next = place[state.plate].get(`${wells.row[here] + step * down} ${wells.column[here] + step * across}`);
    }
    if (next === undefined) return;
    change({ hover: next });
    speak(
      `${wellFacts(wells, next)
        .map(([, text]) => text)
        .join(", ")}; on ${decimals(on[next])}`,
    );
  }

  document
    .getElementById("selection-plate")
    .addEventListener("click", () => selectWells((i) => wells.plate[i] === state.plate, true));
  document.getElementById("overview").addEventListener("toggle", showAll);
  await readScores();
  const hit = (event) => event.points?.[0]?.customdata ?? -1;
  panel.on("plotly_hover", (event) => hit(event) >= 0 && change({ hover: hit(event) }));
  panel.on("plotly_unhover", () => change({ hover: -1 }));
  panel.on("plotly_click", (event) => hit(event) >= 0 && change({ well: hit(event) }));
  listen(["featurizer", "space"], readScores);
  listen(["plate"], () => {
    showPlate();
    pressed();
  });
  listen(["theme"], () => {
    showPlate();
    showAll();
  });
  listen(["hover", "well"], () => moveMark(TRACE_WELL, wellHere()));
  listen(["selections"], () => moveMark(TRACE_SELECTED, selectedOf(members[state.plate])));
}

function rowTicks(rows) {
  return Array.from({ length: rows }, (_, r) => r).filter((r) => rows <= 16 || r % 2 === 0);
}
