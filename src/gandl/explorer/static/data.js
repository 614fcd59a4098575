// Data: takes the packed blocks that stand in the page, gives their columns as arrays (src/gandl/explorer/packing.py packs them).
// Blocks behind the script may not be read yet when they are asked for, so every answer is a promise; each is unpacked once.

export const about = JSON.parse(document.getElementById("about").textContent);
const MISSING = 0xffffffff;
const NO_CODE = 0xffff;
const LOOK_AGAIN = 12; // ms between two looks for a block that is not read yet
const CODED_COLUMNS = ["plate", "row", "column", "cell", "condition", "compound", "dose", "sheet", "place"];
const unpackedBlocks = new Map();
let wellsRead = null;

/** The names of a featurizer's blocks end in its name. */
function unpackedOnce(name, unpack) {
  if (!unpackedBlocks.has(name))
    unpackedBlocks.set(
      name,
      bytesOf(name).then((bytes) => (bytes ? unpack(bytes) : null)),
    );
  return unpackedBlocks.get(name);
}

/** The text of a block; null where the page has none. */
export async function textOf(name) {
  const find = () => document.querySelector(`script[data-block="${CSS.escape(name)}"]`);
  while (document.readyState === "loading" && !find()?.nextElementSibling) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN)); // its end is read when another element follows
  }
  const element = find();
  const text = element ? element.textContent : null;
  if (element) element.textContent = "";
  return text;
}

async function bytesOf(name) {
  const packed = await textOf(name);
  if (packed === null) return null;
  const text = atob(packed);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whole numbers of `width` bytes, of which all lowest bytes come first. */
function fromPlanes(bytes, width) {
  const n = bytes.length / width;
  const values = new Uint32Array(n);
  for (let plane = 0; plane < width; plane += 1) {
    const start = plane * n;
    for (let i = 0; i < n; i += 1) values[i] |= bytes[start + i] << (8 * plane);
  }
  return values;
}

/** Numbers of fixed point: even codes are positive, odd ones negative, the largest is none. */
function fromFixedPoint(bytes) {
  const codes = fromPlanes(bytes, 4);
  const values = new Float32Array(codes.length);
  const step = 10 ** -about.decimals;
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    values[i] = code === MISSING ? NaN : (code & 1 ? -(code + 1) / 2 : code / 2) * step;
  }
  return values;
}

/** Codes; -1 where there is none. */
function fromCodes(bytes) {
  const codes = Int32Array.from(fromPlanes(bytes, 2));
  for (let i = 0; i < codes.length; i += 1) if (codes[i] === NO_CODE) codes[i] = -1;
  return codes;
}

function fromDocument(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The group of every well: all that the first picture needs beside the scores. */
export function loadGroups() {
  return unpackedOnce("group", fromCodes);
}

async function readWells() {
  const [group, ids, names, ...columns] = await Promise.all([
    loadGroups(),
    unpackedOnce("well_id", fromDocument),
    unpackedOnce("well", fromDocument),
    ...CODED_COLUMNS.map((name) => unpackedOnce(name, fromCodes)),
  ]);
  const wells = { n: about.wells, group, id: ids.split("\n"), well: names.split("\n") };
  CODED_COLUMNS.forEach((name, i) => (wells[name] = columns[i]));
  wells.at = new Map(wells.id.map((id, i) => [id, i]));
  return wells;
}

/** The columns of all wells: names (`id`, `well`), their places by name (`at`), and codes. */
export function loadWells() {
  wellsRead ??= readWells();
  return wellsRead;
}

/** On and off scores of a featurizer by space; not a number where a well has none. */
export async function loadScores(featurizer) {
  const all = await unpackedOnce(`scores:${featurizer}`, fromFixedPoint);
  const part = (i) => all.subarray(i * about.wells, (i + 1) * about.wells);
  return { E2: { on: part(0), off: part(1) }, C2: { on: part(2), off: part(3) } };
}

/** Columns of compounds in the order of `about.series`; null where they were not evaluated. */
export function loadCompounds(featurizer) {
  return unpackedOnce(`compounds:${featurizer}`, fromDocument);
}

/** Fitted curves: for series i, `curve_points` values each of fit, low and high; null where none was fitted. */
export async function loadCurve(featurizer, series) {
  const all = await unpackedOnce(`curves:${featurizer}`, fromFixedPoint);
  if (!all || series < 0) return null;
  const [k, start] = [about.curve_points, series * 3 * about.curve_points];
  const part = (i) => Array.from(all.subarray(start + i * k, start + (i + 1) * k));
  const curve = { fit: part(0), low: part(1), high: part(2) };
  return Number.isFinite(curve.fit[0]) ? curve : null;
}

/** The wells most like one, best first: [{well, similarity}]; null where the featurizer has no profile of each well. */
export async function loadNeighbours(featurizer, well) {
  const [places, similarity] = await Promise.all([
    unpackedOnce(`neighbours:${featurizer}`, (bytes) => fromPlanes(bytes, 4)),
    unpackedOnce(`similarity:${featurizer}`, fromFixedPoint),
  ]);
  if (!places) return null;
  const found = [];
  for (let i = well * about.neighbours; i < (well + 1) * about.neighbours; i += 1) {
    if (places[i] !== MISSING) found.push({ well: places[i], similarity: similarity[i] });
  }
  return found;
}
