// Curve: one compound in one cell type: its wells by dose, the fit with its band, the EC50 with its interval, the controls beside.
import { about, loadCompounds, loadCurve, loadScores } from "./data.js";
import { change, listen, selectWells, seriesNamed, state } from "./state.js";
import { colours, count, decimals, doseText, element, plotLayout, qText, titled } from "./look.js";

const MOST_CONTROLS = 150; // of each kind that are drawn, evenly over the screen
const WELL_TRACE = 0;

/** Start the panel; resolves when its first curve is drawn. */
export async function startCurve(wells) {
  const panel = document.getElementById("curve");
  const input = document.getElementById("compound");
  const cellChoice = document.getElementById("cell");
  const cells = [...new Set(about.series.map(([cell]) => cell))].filter((cell) => cell >= 0);
  const names = [...new Set(about.series.map(([, compound]) => compound))];
  document
    .getElementById("compounds")
    .append(...names.map((compound) => element("option", { value: about.compounds[compound] })));
  cellChoice.append(...cells.map((cell) => element("option", { value: cell }, about.cells[cell])));
  if (!about.series.length) {
    panel.textContent = "This run has no dose series: neither dose_response nor screening is among its questions.";
    [input, cellChoice, document.getElementById("curve-select")].forEach((control) => (control.disabled = true));
    return;
  }

  function choose() {
    const series = seriesNamed(input.value, about.cells[Number(cellChoice.value)]);
    change(series < 0 ? { unknown: `This run has no dose response of “${input.value}”.` } : { series, unknown: "" });
  }
  input.addEventListener("change", choose);
  cellChoice.addEventListener("change", choose);

  const wellsOf = ([cell, compound]) => {
    const mine = [];
    for (let i = 0; i < wells.n; i += 1) {
      if (wells.compound[i] === compound && wells.cell[i] === cell && about.groups[wells.group[i]].kind === "treated")
        mine.push(i);
    }
    return mine;
  };

  async function show() {
    const { series, featurizer } = state;
    const [cell, compound] = about.series[series];
    const [scores, compounds, curve] = await Promise.all([
      loadScores(featurizer),
      loadCompounds(featurizer),
      loadCurve(featurizer, series),
    ]);
    if (series !== state.series || featurizer !== state.featurizer) return;
    input.value = about.compounds[compound];
    cellChoice.value = cell;
    document.getElementById("curve-title").textContent = titled(
      `Dose response: ${about.compounds[compound]}, ${about.cells[cell]}`,
    );
    const { on } = scores.E2;
    const mine = wellsOf([cell, compound]).filter((i) => Number.isFinite(on[i]));
    const row = compounds
      ? Object.fromEntries(Object.entries(compounds).map(([name, column]) => [name, column[series]]))
      : null;
    document.getElementById("curve-facts").replaceChildren(...facts(row, mine, cell));
    await Plotly.react(panel, ...picture(mine, on, curve, row, cell), { displayModeBar: false, responsive: true });
    panel.removeAllListeners("plotly_click");
    panel.on("plotly_click", (event) => {
      const well = event.points.find(({ curveNumber }) => curveNumber === WELL_TRACE)?.customdata;
      if (well !== undefined) change({ well, plate: wells.plate[well], hover: -1 });
    });
  }

  function picture(mine, on, curve, row, cell) {
    const theme = colours();
    const dosed = mine.filter((i) => wells.dose[i] >= 0);
    const dose = (i) => about.doses[wells.dose[i]];
    const ranks = [...new Set(dosed.map((i) => wells.dose[i]))].sort((a, b) => a - b);
    const [lowest, highest] = ranks.length ? [about.doses[ranks[0]], about.doses[ranks.at(-1)]] : [1, 1];
    const gap = Math.max((highest / lowest) ** 0.25, 2);
    const strips = { negative: lowest / gap, positive: highest * gap };
    const shade = (i) =>
      theme.dose[Math.round((ranks.indexOf(wells.dose[i]) / Math.max(ranks.length - 1, 1)) * (theme.dose.length - 1))];
    const ids = dosed.map((i) => `${about.plates[wells.plate[i]].name} ${wells.well[i]}, ${doseText(dose(i))}`);
    const traces = [
      {
        type: "scatter",
        mode: "markers",
        x: dosed.map(dose),
        y: dosed.map((i) => on[i]),
        customdata: dosed,
        text: ids,
        hovertemplate: "%{text}: %{y:.2f}<extra></extra>",
        marker: { symbol: "diamond", size: 9, color: dosed.map(shade), line: { color: theme.ink, width: 0.8 } },
      },
      ...["negative", "positive"].map((kind) => controlStrip(kind, on, cell, strips[kind], gap)),
    ];
    if (curve && ranks.length) traces.push(...fitted(curve, lowest, highest, theme));
    if (row?.ec50_um) traces.push(ec50(row, curve, lowest, highest, theme));
    const unit = highest < 1 ? ["nM", 1000] : ["µM", 1];
    const ticks = decades(lowest, highest);
    const level = (y, color) => ({
      type: "line",
      xref: "paper",
      x0: 0,
      x1: 1,
      y0: y,
      y1: y,
      line: { color, width: 1, dash: "dash" },
    });
    const layout = plotLayout({
      margin: { l: 52, r: 12, t: 12, b: 46 },
      hovermode: "closest",
      dragmode: false,
      shapes: about.means_at_ends ? [level(-1, theme.negative), level(1, theme.positive)] : [],
      xaxis: {
        type: "log",
        fixedrange: true,
        range: [strips.negative / gap ** 0.6, strips.positive * gap ** 0.6].map(Math.log10),
        showgrid: false,
        tickvals: [strips.negative, ...ticks, strips.positive],
        ticktext: ["C−", ...ticks.map((tick) => String(Number((tick * unit[1]).toPrecision(3)))), "C+"],
        title: { text: `Dose (${unit[0]}); n = ${count(dosed.length, "well")}`, standoff: 8 },
      },
      yaxis: { fixedrange: true, title: { text: "On score", standoff: 6 } },
    });
    return [traces, layout];
  }

  /** Controls of the cell type, spread over a strip; their mean in training is the level of the dashed line. */
  function controlStrip(kind, on, cell, at, gap) {
    const group = about.groups.findIndex((one) => one.kind === kind && one.cell === cell);
    const all = [];
    for (let i = 0; group >= 0 && i < wells.n; i += 1)
      if (wells.group[i] === group && Number.isFinite(on[i])) all.push(i);
    const some = all.filter(
      (_, k) =>
        all.length <= MOST_CONTROLS ||
        Math.floor((k * MOST_CONTROLS) / all.length) !== Math.floor(((k - 1) * MOST_CONTROLS) / all.length),
    );
    const spread = (k) => at * gap ** (0.3 * (((k * 0.618034) % 1) * 2 - 1)); // the golden ratio spreads any number evenly
    const { colour = "#888888", mark = "circle", label = "" } = about.groups[group] ?? {};
    return {
      type: "scatter",
      mode: "markers",
      x: some.map((_, k) => spread(k)),
      y: some.map((i) => on[i]),
      hoverinfo: "skip",
      name: label,
      marker: { size: 5, color: colour, opacity: 0.75, symbol: { triangle: "triangle-up" }[mark] ?? mark },
    };
  }

  function fitted({ fit, low, high }, lowest, highest, theme) {
    const x = fit.map((_, k) => lowest * (highest / lowest) ** (k / (fit.length - 1)));
    const line = { type: "scatter", mode: "lines", x, hoverinfo: "skip" };
    const band = Number.isFinite(low[0])
      ? [
          { ...line, y: low, line: { width: 0 } },
          { ...line, y: high, line: { width: 0 }, fill: "tonexty", fillcolor: `${theme.fit}33` },
        ]
      : [];
    return [...band, { ...line, y: fit, line: { color: theme.fit, width: 2 } }];
  }

  /** Outside the tested doses it is only known to be out there: an arrow at the edge. */
  function ec50(row, curve, lowest, highest, theme) {
    const inside = (dose) => Math.min(Math.max(dose, lowest), highest);
    const at = inside(row.ec50_um);
    const k = highest > lowest ? (Math.log(at / lowest) / Math.log(highest / lowest)) * (about.curve_points - 1) : 0;
    const [below, above] = [Math.floor(k), Math.ceil(k)];
    const halfway = (row.bottom + row.top) / 2; // what an EC50 is the dose of
    const y = curve ? curve.fit[below] + (k - below) * (curve.fit[above] - curve.fit[below]) : halfway;
    const known = row.ec50_low_um !== null && row.ec50_high_um !== null;
    const symbol = row.ec50_um < lowest ? "triangle-left" : row.ec50_um > highest ? "triangle-right" : "circle";
    return {
      type: "scatter",
      mode: "markers",
      x: [at],
      y: [y],
      hoverinfo: "skip",
      marker: { symbol, size: 9, color: theme.ground, line: { color: theme.ink, width: 2 } },
      error_x: {
        type: "data",
        symmetric: false,
        color: theme.ink,
        thickness: 2,
        visible: known,
        array: [known ? inside(row.ec50_high_um) - at : 0],
        arrayminus: [known ? at - inside(row.ec50_low_um) : 0],
      },
    };
  }

  function facts(row, mine, cell) {
    const coverage = `${100 * about.confidence} %`;
    const interval = (low, high, words) => (low === null || high === null ? "" : ` [${words(low)}, ${words(high)}]`);
    const list = [["Wells", `${mine.length} in ${about.cells[cell]}`]];
    if (row && row.hit !== null) {
      const dose = row.efficacy_dose_um === null ? "" : ` at ${doseText(row.efficacy_dose_um)}`;
      list.push(
        ["Judged", row.hit ? "hit" : "no hit"],
        ["q", qText(row.q)],
        [
          `Efficacy, ${coverage} interval`,
          decimals(row.efficacy) + interval(row.efficacy_low, row.efficacy_high, (end) => decimals(end)) + dose,
        ],
        [
          `EC50, ${coverage} interval`,
          row.ec50_um === null
            ? `none: ${row.no_curve ?? "no curve"}`
            : doseText(row.ec50_um) + interval(row.ec50_low_um, row.ec50_high_um, doseText),
        ],
        [
          "Flags",
          (row.flags ?? "")
            .split("|")
            .filter(Boolean)
            .map((flag) => about.flags[flag] ?? flag)
            .join("; ") || "none",
        ],
      );
    } else list.push(["Judged", "this featurizer has no answer for it"]);
    return list.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]);
  }

  document.getElementById("curve-select").addEventListener("click", () => {
    const mine = new Set(wellsOf(about.series[state.series]));
    selectWells((i) => mine.has(i), true);
  });
  if (state.series < 0) change({ series: strongestOf(await loadCompounds(state.featurizer)) });
  await show();
  listen(["series", "featurizer", "theme"], show);
}

/** The compound that is shown first: of the hits the one with the highest efficacy, else of all. */
function strongestOf(compounds) {
  let best = 0;
  if (!compounds) return best;
  const rank = (s) => (compounds.hit[s] ? 1e6 : 0) + (compounds.efficacy[s] ?? -1e6);
  for (let s = 1; s < about.series.length; s += 1) if (rank(s) > rank(best)) best = s;
  return best;
}

function decades(lowest, highest) {
  const [first, last] = [Math.ceil(Math.log10(lowest / 1.01)), Math.floor(Math.log10(highest * 1.01))];
  const found = Array.from({ length: Math.max(last - first + 1, 0) }, (_, k) => 10 ** (first + k));
  return found.length ? found : [lowest];
}
