// Main: fills the choices, starts every panel, and says so when the page is ready.
import { about, loadWells } from "./data.js";
import { change, listen, startAddress, state } from "./state.js";
import { element, mode, onSystemTheme } from "./look.js";
import { startCurve } from "./curve.js";
import { startHits } from "./hits.js";
import { loadLibrary } from "./library.js";
import { startPlates } from "./plates.js";
import { startScatter } from "./scatter.js";
import { startSelection } from "./selection.js";
import { startWell } from "./well.js";

function startChoices() {
  const featurizer = document.getElementById("featurizer");
  featurizer.append(...about.featurizers.map(({ name, label }) => element("option", { value: name }, label)));
  featurizer.value = state.featurizer;
  featurizer.addEventListener("change", () => change({ featurizer: featurizer.value }));
  listen(["featurizer"], () => {
    featurizer.value = state.featurizer;
  });

  for (const [space, { name }] of Object.entries(about.spaces)) {
    const input = element("input", { type: "radio", name: "space", value: space, checked: space === state.space });
    input.addEventListener("change", () => change({ space }));
    document.getElementById("spaces").append(element("label", {}, input, ` ${name}`));
  }
  const colour = document.getElementById("colour");
  colour.addEventListener("change", () => change({ colour: colour.value }));

  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => change({ theme: theme.value }));
  onSystemTheme(() => {
    if (state.theme !== "auto") return;
    state.theme = ""; // so that the same choice counts as a change
    change({ theme: "auto" });
  });
  const help = document.getElementById("help");
  document.getElementById("help-open").addEventListener("click", () => help.showModal());
}

/** Before any panel hears of it, so that they read the right colours. */
function applyTheme() {
  document.documentElement.dataset.mode = mode();
}

/** What holds for the whole page, and what is missing in it. */
function writeNotes() {
  const notice = () => {
    const chosen = about.featurizers.find(({ name }) => name === state.featurizer);
    const absent = chosen.spaces.includes(state.space)
      ? ""
      : `${chosen.label} has no scores in ${about.spaces[state.space].title}.`;
    document.getElementById("notice").textContent = [
      state.unknown,
      absent,
      chosen.missing && `Not evaluated: ${chosen.missing}`,
    ]
      .filter(Boolean)
      .join(" ");
  };
  notice();
  listen(["featurizer", "space", "unknown"], notice);
  const sought = about.sought_in
    ? `; in a screen this large they are sought among the ${about.sought_in.candidates} wells nearest in the first ${about.sought_in.components} principal directions of the features`
    : "";
  const { confidence, false_discovery: rate, normalization, thumbnails, word } = about;
  document.getElementById("method").textContent =
    `${word ? `All images of this run are ${word}. ` : ""}Every well is scored by a model that was trained on other wells. E² uses profiles in units of: ${normalization}; ` +
    `C² raw ones. Intervals cover ${100 * confidence} %. A hit lies above the negative controls at a dose that is not toxic, at a false discovery rate of ${rate} over compounds. ` +
    `Neighbours are compared by the cosine of their profiles, of fewer than three features by distance${sought}.`;
  const width = thumbnails.width_um === null ? "" : `, ${Number(thumbnails.width_um.toPrecision(3))} µm wide`;
  const line = document.getElementById("channels");
  line.append(`Pictures show the centre of a well's first field${width}; channels: `);
  thumbnails.channels.forEach(({ label, hue }, i) => {
    const sign = element("span", { "aria-hidden": "true" }, "■ ");
    sign.style.color = hue;
    line.append(i ? ", " : "", sign, label);
  });
}

/** Lets pictures and clicks through between two pieces of work. */
function letThrough() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** The wells are drawn first, then what needs no library, last what needs it. */
async function start() {
  if (!("DecompressionStream" in window)) {
    throw new Error(
      "this browser cannot unpack the data: Chrome and Edge 80, Firefox 113, Safari 16.4 and later ones can",
    );
  }
  listen(["theme"], applyTheme);
  applyTheme();
  startChoices();
  writeNotes();
  const serve = await startScatter();
  performance.mark("scatter-drawn");
  const wells = await loadWells();
  serve(wells);
  startWell(wells);
  startSelection(wells);
  startAddress(wells);
  await startHits();
  await letThrough();
  await loadLibrary();
  await letThrough();
  await startPlates(wells);
  await letThrough();
  await startCurve(wells);
  performance.mark("all-drawn");
  document.documentElement.dataset.ready = "yes";
}

function sayWhatFailed(reason) {
  document.getElementById("notice").textContent = `The page cannot show everything: ${reason?.message ?? reason}.`;
  console.error(reason);
}

addEventListener("unhandledrejection", (event) => sayWhatFailed(event.reason));
start().catch(sayWhatFailed);
