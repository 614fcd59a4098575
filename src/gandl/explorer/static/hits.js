// Hits: every compound in every cell type by the chosen featurizer: searched, filtered, sorted, page by page.
import { about, loadCompounds } from "./data.js";
import { linkTo, listen, state } from "./state.js";
import { asCsv, count, decimals, doseText, download, element, qText, titled } from "./look.js";

const ROWS_OF_A_PAGE = 15;
const FIRST_SORT = { key: "efficacy", down: true };

/** Columns: title, how rows are ordered by it, and what stands in a cell. */
const HIT_COLUMNS = [
  {
    key: "compound",
    title: "Compound",
    text: true,
    value: (row) => row.compound.toLowerCase(),
    cell: (row) => element("a", { href: linkTo({ compound: row.compound, cell: row.cell }) }, row.compound),
  },
  { key: "cell", title: "Cells", text: true, value: (row) => row.cell, cell: (row) => row.cell },
  { key: "hit", title: "Hit", value: (row) => Number(row.hit), cell: (row) => (row.hit ? "hit" : "–") },
  {
    key: "efficacy",
    title: "Efficacy [interval]",
    value: (row) => row.efficacy,
    cell: (row) => withEnds(row.efficacy, row.efficacy_low, row.efficacy_high, (end) => decimals(end)),
  },
  {
    key: "efficacy_dose_um",
    title: "at dose",
    value: (row) => row.efficacy_dose_um,
    cell: (row) => doseText(row.efficacy_dose_um ?? NaN) || "–",
  },
  { key: "q", title: "q", value: (row) => row.q, cell: (row) => qText(row.q) },
  {
    key: "ec50_um",
    title: "EC50 [interval]",
    value: (row) => row.ec50_um,
    cell: (row) => withEnds(row.ec50_um, row.ec50_low_um, row.ec50_high_um, doseText),
  },
  { key: "wells", title: "Wells", value: (row) => row.wells, cell: (row) => row.wells },
  { key: "doses", title: "Doses", value: (row) => row.doses, cell: (row) => row.doses },
  {
    key: "flags",
    title: "Flags",
    text: true,
    value: (row) => row.flags ?? "",
    cell: (row) =>
      (row.flags ?? "")
        .split("|")
        .filter(Boolean)
        .map((flag) => flag.replaceAll("_", " "))
        .join(", ") || "–",
  },
];

export function startHits() {
  const [table, body] = [document.querySelector("#hits thead"), document.querySelector("#hits tbody")];
  const field = Object.fromEntries(
    ["text", "cell", "flag", "efficacy", "hit"].map((name) => [name, document.getElementById(`filter-${name}`)]),
  );
  let [rows, sort, page] = [[], { ...FIRST_SORT }, 0];
  document.getElementById("hits-title").textContent = titled("Compounds");

  const cells = [...new Set(about.series.map(([cell]) => cell))].filter((cell) => cell >= 0);
  field.cell.append(
    element("option", { value: "" }, "all"),
    ...cells.map((cell) => element("option", {}, about.cells[cell])),
  );
  const flags = Object.keys(about.flags).map((flag) =>
    element("option", { value: flag, title: about.flags[flag] }, flag.replaceAll("_", " ")),
  );
  field.flag.append(element("option", { value: "" }, "any"), element("option", { value: "none" }, "none"), ...flags);

  for (const column of HIT_COLUMNS) {
    const button = element("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      sort = { key: column.key, down: sort.key === column.key ? !sort.down : !column.text };
      page = 0;
      show();
    });
    table.append(element("th", { scope: "col", "data-key": column.key }, button));
  }

  async function read() {
    const { featurizer } = state;
    const compounds = await loadCompounds(featurizer);
    if (featurizer !== state.featurizer) return;
    rows = [];
    if (compounds) {
      about.series.forEach(([cell, compound], series) => {
        if (compounds.hit[series] === null) return;
        const row = Object.fromEntries(Object.entries(compounds).map(([name, column]) => [name, column[series]]));
        rows.push({ ...row, series, compound: about.compounds[compound], cell: about.cells[cell] ?? "" });
      });
    }
    page = 0;
    show();
  }

  function kept() {
    const words = field.text.value.trim().toLowerCase();
    const least = field.efficacy.value === "" ? -Infinity : Number(field.efficacy.value);
    const { value, text } = HIT_COLUMNS.find(({ key }) => key === sort.key);
    const sign = sort.down ? -1 : 1;
    const order = (a, b) => {
      const [first, second] = [value(a), value(b)];
      if (first === null || second === null) return (first === null) - (second === null); // what is missing comes last
      return sign * (text ? (first < second ? -1 : first > second ? 1 : 0) : first - second);
    };
    return rows
      .filter(
        (row) => row.compound.toLowerCase().includes(words) && (!field.cell.value || row.cell === field.cell.value),
      )
      .filter((row) => (!field.hit.checked || row.hit) && (least === -Infinity || (row.efficacy ?? -Infinity) >= least))
      .filter(
        (row) =>
          !field.flag.value ||
          (field.flag.value === "none" ? !row.flags : (row.flags ?? "").split("|").includes(field.flag.value)),
      )
      .sort(order);
  }

  function show() {
    const found = kept();
    const pages = Math.max(1, Math.ceil(found.length / ROWS_OF_A_PAGE));
    page = Math.min(page, pages - 1);
    const hits = found.filter((row) => row.hit).length;
    document.getElementById("hits-count").textContent = rows.length
      ? `${count(found.length, "row")} of ${rows.length.toLocaleString("en")} (a compound in a cell type), ${count(hits, "hit")} among them`
      : "Compounds were not judged by this featurizer (question screening).";
    body.replaceChildren(
      ...found.slice(page * ROWS_OF_A_PAGE, (page + 1) * ROWS_OF_A_PAGE).map((row) => {
        const line = element("tr", {
          className: row.series === state.series ? "shown" : "",
          "data-series": row.series,
        });
        line.append(
          ...HIT_COLUMNS.map(({ key, cell }) =>
            element(
              "td",
              { className: key === "flags" || key === "compound" ? "text" : row.hit && key === "hit" ? "hit" : "" },
              cell(row),
            ),
          ),
        );
        return line;
      }),
    );
    table.querySelectorAll("th").forEach((head) => {
      const here = head.dataset.key === sort.key;
      head.setAttribute("aria-sort", here ? (sort.down ? "descending" : "ascending") : "none");
      const title = HIT_COLUMNS.find(({ key }) => key === head.dataset.key).title;
      head.firstChild.textContent = here ? `${title} ${sort.down ? "▼" : "▲"}` : title;
    });
    document.getElementById("hits-page").textContent = `page ${page + 1} of ${pages}`;
    document.getElementById("hits-previous").disabled = page === 0;
    document.getElementById("hits-next").disabled = page === pages - 1;
  }

  function turn(by) {
    page += by;
    show();
  }

  document.getElementById("hits-previous").addEventListener("click", () => turn(-1));
  document.getElementById("hits-next").addEventListener("click", () => turn(1));
  document.getElementById("filters").addEventListener("input", () => {
    page = 0;
    show();
  });
  document.getElementById("hits-export").addEventListener("click", () => {
    const names = [
      "compound",
      "cell",
      ...Object.keys(rows[0] ?? {}).filter((name) => !["compound", "cell", "series"].includes(name)),
    ];
    const origin = about.word ? [["images", about.word]] : [];
    const head = [...origin.map(([name]) => name), "featurizer", ...names];
    const lines = kept().map((row) => [
      ...origin.map(([, word]) => word),
      state.featurizer,
      ...names.map((name) => row[name]),
    ]);
    download(`compounds_${about.run}_${state.featurizer}.csv`, asCsv([head, ...lines]));
  });
  listen(["featurizer"], read);
  listen(["series"], show);
  return read();
}

function withEnds(value, low, high, words) {
  if (value === null) return "–";
  return low === null || high === null ? words(value) : `${words(value)} [${words(low)}, ${words(high)}]`;
}
