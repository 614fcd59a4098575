// State: what is chosen. One object, changed in one place, with listeners by key; links change it through the address.
import { about } from "./data.js";

export const state = {
  featurizer: about.first,
  space: Object.keys(about.spaces)[0],
  colour: "group",
  hidden: new Set(), // groups that are not shown
  hover: -1, // the well pointed at
  well: -1, // the well that is kept
  plate: 0,
  series: -1, // compound in a cell type
  selected: new Uint8Array(about.wells),
  selections: 0, // counts changes of `selected`
  theme: "auto",
};
const stateListeners = [];

/** Call a function after a change of one of these keys. */
export function listen(keys, act) {
  stateListeners.push({ keys, act });
}

/** Change some values; listeners of those that differ are called, each once. */
export function change(values) {
  const changed = Object.keys(values).filter((key) => state[key] !== values[key]);
  Object.assign(state, values);
  for (const { keys, act } of stateListeners) {
    if (keys.some((key) => changed.includes(key))) act();
  }
}

/** The well that panels describe: the one pointed at, else the one that is kept. */
export function shownWell() {
  return state.hover >= 0 ? state.hover : state.well;
}

/** Set or add the wells for which `wanted(i)` holds. */
export function selectWells(wanted, add = false) {
  const { selected } = state;
  for (let i = 0; i < selected.length; i += 1) selected[i] = wanted(i) || (add && selected[i]) ? 1 : 0;
  change({ selections: state.selections + 1 });
}

/** Select a well, or no longer. */
export function toggleWell(i) {
  state.selected[i] = 1 - state.selected[i];
  change({ selections: state.selections + 1 });
}

export function seriesAt(cell, compound) {
  return about.series.findIndex(([c, k]) => c === cell && k === compound);
}

/** A compound in a cell type by their names; in another cell type where it is not in that one; -1 where it is in none. */
export function seriesNamed(name, cellName) {
  const wanted = String(name).trim().toLowerCase();
  const compound = about.compounds.findIndex((one) => one.toLowerCase() === wanted);
  const exact = seriesAt(about.cells.indexOf(cellName), compound);
  return exact >= 0 || compound < 0 ? exact : about.series.findIndex(([, k]) => k === compound);
}

/** The address of a view: {well}, {plate} or {compound, cell}, all by name. */
export function linkTo(view) {
  return `#${new URLSearchParams(view)}`;
}

/** Follow the address: what it names is chosen, and its panel gets the focus. */
export function followAddress(wells) {
  const view = new URLSearchParams(location.hash.slice(1));
  const values = {};
  let panel = "";
  if (view.has("featurizer") && about.featurizers.some(({ name }) => name === view.get("featurizer"))) {
    values.featurizer = view.get("featurizer");
  }
  if (view.has("well") && wells.at.has(view.get("well"))) {
    values.well = wells.at.get(view.get("well"));
    values.plate = wells.plate[values.well];
    panel = "well-panel";
  }
  if (view.has("plate")) {
    const plate = about.plates.findIndex(({ name }) => name === view.get("plate"));
    if (plate >= 0) [values.plate, panel] = [plate, "plates-panel"];
  }
  if (view.has("compound")) {
    const series = seriesNamed(view.get("compound"), view.get("cell"));
    if (series >= 0) [values.series, panel] = [series, "curve-panel"];
  }
  change(values);
  if (panel) {
    const title = document.querySelector(`#${panel} h2`);
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    document.getElementById(panel).scrollIntoView({ block: "nearest" });
  }
}
