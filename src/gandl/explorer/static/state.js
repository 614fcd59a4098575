// State: what is chosen. One object, changed in one place, with listeners by key; the address always names what is shown.
import { about } from "./data.js";

const WRITTEN_AFTER = 150; // ms: browsers refuse an address that changes too often
const IN_ADDRESS = ["featurizer", "space", "well", "plate", "series"];

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
  unknown: "", // what was asked for and is not in this run, in a sentence
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

/**
 * A compound in a cell type by their names; in another cell type where it is not in that one; -1 where it is in none. A name may
 * lack what stands in brackets behind it: Remdesivir is found as "Remdesivir (GS-5734)".
 */
export function seriesNamed(name, cellName) {
  const wanted = String(name).trim().toLowerCase();
  const names = about.compounds.map((one) => one.toLowerCase());
  const exact = names.indexOf(wanted);
  const compound = exact >= 0 ? exact : names.findIndex((one) => wanted && one.startsWith(`${wanted} (`));
  const inCell = seriesAt(about.cells.indexOf(cellName), compound);
  return inCell >= 0 || compound < 0 ? inCell : about.series.findIndex(([, k]) => k === compound);
}

/** The address of a view: {featurizer, space, well, plate, compound, cell}, each by name. */
export function linkTo(view) {
  return `#${new URLSearchParams(view)}`;
}

/** The address of what is shown. */
function linkToShown(wells) {
  const { featurizer, space, well, plate, series } = state;
  const [cell, compound] = about.series[series] ?? [];
  return linkTo({
    featurizer,
    space,
    ...(well >= 0 ? { well: wells.id[well] } : {}),
    plate: about.plates[plate].name,
    ...(series >= 0 ? { compound: about.compounds[compound], cell: about.cells[cell] ?? "" } : {}),
  });
}

/** Follow the address now and whenever it changes, and keep it in step with what is shown. */
export function startAddress(wells) {
  let waiting = 0;
  const write = () => history.replaceState(null, "", linkToShown(wells));
  listen(IN_ADDRESS, () => {
    clearTimeout(waiting);
    waiting = setTimeout(write, WRITTEN_AFTER);
  });
  const follow = () => {
    followAddress(wells);
    write(); // so that the same link counts as a change the next time
  };
  follow();
  addEventListener("hashchange", follow);
}

/** What the address names is chosen; where it names one panel's view, that panel gets the focus. */
function followAddress(wells) {
  const view = new URLSearchParams(location.hash.slice(1));
  const [values, unknown, panels] = [{}, [], []];
  const take = (key, noun, find) => {
    if (!view.has(key)) return;
    const found = find(view.get(key));
    if (found) Object.assign(values, found);
    else unknown.push(`no ${noun} “${view.get(key)}”`);
  };
  const at = (index, key) => (index >= 0 ? { [key]: index } : null);
  take("featurizer", "featurizer", (name) =>
    about.featurizers.some((one) => one.name === name) ? { featurizer: name } : null,
  );
  take("space", "space", (space) => (about.spaces[space] ? { space } : null));
  take("well", "well", (name) => {
    const well = wells.at.get(name) ?? -1;
    return well >= 0 ? { well, plate: wells.plate[well] } : null;
  });
  take("plate", "plate", (name) =>
    at(
      about.plates.findIndex((one) => one.name === name),
      "plate",
    ),
  );
  if (view.get("cell") && !about.cells.includes(view.get("cell"))) unknown.push(`no cell type “${view.get("cell")}”`);
  take("compound", "dose response of", (name) => at(seriesNamed(name, view.get("cell")), "series"));
  change({
    ...values,
    unknown: unknown.length ? `The address asks for what this run does not have: ${unknown.join(", ")}.` : "",
  });
  if ("well" in values) panels.push("well-panel");
  if (view.has("plate") && "plate" in values) panels.push("plates-panel");
  if ("series" in values) panels.push("curve-panel");
  if (panels.length !== 1 || view.has("space")) return; // a whole view
  const title = document.querySelector(`#${panels[0]} h2`);
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
  document.getElementById(panels[0]).scrollIntoView({ block: "nearest" });
}
