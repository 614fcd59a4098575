// Look: colours of the theme, numbers and doses in words, small helpers for elements, and what all plots share.
import { about } from "./data.js";
import { state } from "./state.js";

const darkSystem = matchMedia("(prefers-color-scheme: dark)");

export function mode() {
  return state.theme === "auto" ? (darkSystem.matches ? "dark" : "light") : state.theme;
}

export function colours() {
  return about.colours[mode()];
}

/** Call a function when the system changes between light and dark. */
export function onSystemTheme(act) {
  darkSystem.addEventListener("change", act);
}

/** An element with properties and children; `aria-` and `data-` names become attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "scope") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** A number with so many significant digits, a true minus, no exponent; a dash for none. */
export function digits(value, count = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(Number(value.toPrecision(count)))));
  return value.toFixed(Math.min(Math.max(count - 1 - size, 0), 12)).replace("-", "−");
}

export function decimals(value, count = 2) {
  if (value === null || !Number.isFinite(value)) return "–";
  const text = value.toFixed(count);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** An adjusted p value: two digits, and only its limit where it is tiny. */
export function qText(q) {
  return q !== null && q < 1e-4 ? "<0.0001" : digits(q, 2);
}

export function doseText(um) {
  if (!Number.isFinite(um)) return "";
  const nano = um < 1;
  const text = digits(nano ? 1000 * um : um);
  return `${text.includes(".") ? text.replace(/\.?0+$/, "") : text} ${nano ? "nM" : "µM"}`;
}

/** A title, with the word for images that are no real ones. */
export function titled(text) {
  return about.word ? `${text}, ${about.word} images` : text;
}

export function count(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

/** Say something to users who do not see the page. */
export function speak(text) {
  document.getElementById("spoken").textContent = text;
}

/** What the layouts of all plots have in common. */
export function plotLayout(extra) {
  const { ink, line } = colours();
  const axis = { color: ink, gridcolor: line, linecolor: line, zeroline: false, automargin: false };
  const { xaxis = {}, yaxis = {}, ...rest } = extra;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink },
    showlegend: false,
    xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, ...yaxis },
    ...rest,
  };
}

/** Word by word what a well is: a list of [term, text]. */
export function wellFacts(wells, i) {
  const facts = [
    ["Well", `${about.plates[wells.plate[i]].name} ${wells.well[i]}`],
    ["Cells", about.cells[wells.cell[i]]],
    ["Group", about.groups[wells.group[i]].label],
    ["Condition", about.conditions[wells.condition[i]].replaceAll("_", " ")],
  ];
  if (wells.compound[i] >= 0) {
    const dose = wells.dose[i] >= 0 ? `, ${doseText(about.doses[wells.dose[i]])}` : "";
    facts.push(["Compound", about.compounds[wells.compound[i]] + dose]);
  }
  return facts;
}

/** A picture of a well out of its sprite sheet, `side` px wide; a black square with a word where there is none. */
export function thumbnail(wells, i, side, label) {
  const { folder, sheets, columns, rows } = about.thumbnails;
  const sheet = wells.sheet[i];
  const picture = element("span", { className: "thumb", role: "img", "aria-label": label });
  picture.style.width = picture.style.height = `${side}px`;
  if (sheet < 0) {
    picture.textContent = "no image";
    return picture;
  }
  const [across, place] = [columns[sheet], wells.place[i]];
  picture.style.backgroundImage = `url("${encodeURI(folder)}/${encodeURIComponent(sheets[sheet])}")`;
  picture.style.backgroundSize = `${across * side}px ${rows[sheet] * side}px`;
  picture.style.backgroundPosition = `${-(place % across) * side}px ${-Math.floor(place / across) * side}px`;
  return picture;
}

/** Offer a text as a file. */
export function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Rows as CSV; texts with commas, quotes or line breaks are quoted. */
export function asCsv(rows) {
  const cell = (value) => {
    const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}
