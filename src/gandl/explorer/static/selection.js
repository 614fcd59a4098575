// Selection: how many wells are selected, of which groups, and the same wells as a CSV file.
import { about, loadScores } from "./data.js";
import { listen, selectWells, state } from "./state.js";
import { asCsv, count, download, element } from "./look.js";

export function startSelection(wells) {
  const [toFile, clear] = ["selection-export", "selection-clear"].map((id) => document.getElementById(id));

  function show() {
    const byGroup = about.groups.map(() => 0);
    let total = 0;
    state.selected.forEach((selected, i) => {
      if (selected) [total, byGroup[wells.group[i]]] = [total + 1, byGroup[wells.group[i]] + 1];
    });
    document.getElementById("selection-count").textContent = total
      ? `${count(total, "well")} selected.`
      : "No well is selected.";
    document
      .getElementById("selection-groups")
      .replaceChildren(
        ...about.groups.flatMap(({ label }, group) =>
          byGroup[group] ? [element("li", {}, `${label}: ${count(byGroup[group], "well")}`)] : [],
        ),
      );
    toFile.disabled = clear.disabled = total === 0;
  }

  toFile.addEventListener("click", async () => {
    const scores = await loadScores(state.featurizer);
    const spaces = Object.keys(about.spaces);
    const rows = [
      [
        "well_id",
        "plate_id",
        "well",
        "cell_type",
        "condition",
        "group",
        "compound",
        "concentration_um",
        "featurizer",
        ...spaces.flatMap((space) => [`${space}_on`, `${space}_off`]),
      ],
    ];
    state.selected.forEach((selected, i) => {
      if (!selected) return;
      const compound = wells.compound[i] < 0 ? null : about.compounds[wells.compound[i]];
      const dose = wells.dose[i] < 0 ? null : about.doses[wells.dose[i]];
      const numbers = spaces.flatMap((space) => ["on", "off"].map((axis) => rounded(scores[space][axis][i])));
      rows.push([
        wells.id[i],
        about.plates[wells.plate[i]].name,
        wells.well[i],
        about.cells[wells.cell[i]],
        about.conditions[wells.condition[i]],
        about.groups[wells.group[i]].label,
        compound,
        dose,
        state.featurizer,
        ...numbers,
      ]);
    });
    if (about.word) rows.forEach((row, k) => row.push(k ? about.word : "images"));
    download(`wells_${about.run}_${state.featurizer}.csv`, asCsv(rows));
  });
  clear.addEventListener("click", () => selectWells(() => false));
  listen(["selections"], show);
}

/** To the decimals that the page holds. */
function rounded(value) {
  return Number.isFinite(value) ? Number(value.toFixed(about.decimals)) : null;
}
