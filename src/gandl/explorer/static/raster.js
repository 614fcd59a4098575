// Raster: takes points with a style each, writes them as small anti-aliased marks into the pixels of an image.
// Libraries draw so many points by WebGL, which is slow without a graphics card (docs/decisions.md, "Written here, although
// libraries exist").

const rasterStamps = new Map();
const SUBSAMPLES = 4;
const FADED = 0.25; // of the opacity, where others are selected
const INSIDE = {
  circle: (x, y) => x * x + y * y <= 1,
  dot: (x, y) => x * x + y * y <= 0.64,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.86,
  diamond: (x, y) => Math.abs(x) + Math.abs(y) <= 1.15,
  triangle: (x, y) => y <= 0.75 && Math.abs(x) * 1.7 <= y + 1.1,
};

/** The pixels that a mark of `radius` px covers: dx, dy and coverage (0 to 256), one behind the other. */
function stampOf(mark, radius) {
  const key = `${mark} ${radius}`;
  if (!rasterStamps.has(key)) {
    const reach = Math.ceil(radius * 1.2);
    const covered = [];
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        let hits = 0;
        for (let s = 0; s < SUBSAMPLES * SUBSAMPLES; s += 1) {
          const x = dx + ((s % SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5;
          const y = dy + (Math.floor(s / SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5;
          if (INSIDE[mark](x / radius, y / radius)) hits += 1;
        }
        if (hits) covered.push(dx, dy, (256 * hits) / SUBSAMPLES ** 2);
      }
    }
    rasterStamps.set(key, { reach, covered: Int32Array.from(covered) });
  }
  return rasterStamps.get(key);
}

/** A colour #rrggbb as a pixel of a little-endian image. */
export function pixelOf(hex) {
  const value = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/**
 * Draw points; returns how many of them lie within the view.
 *
 * pixels : Uint32Array of width x height, filled with the ground. x, y : of all points, in units of the view.
 * order : which points, in the order in which they are drawn; every `step`-th of them is. style : of every point, a place in `styles`.
 * styles : [{pixel, mark, opacity}]. view : [x0, x1, y0, y1]. radius : of marks, px. only : Uint8Array, 1 for the points that
 * keep their opacity; all others fade. null: all keep it.
 */
export function paint(pixels, width, height, { x, y, order, step, style, styles, view, radius, only }) {
  const [x0, x1, y0, y1] = view;
  const [perX, perY] = [width / (x1 - x0), height / (y1 - y0)];
  const stamps = styles.map((one) => placed(one, stampOf(one.mark, radius), width));
  let drawn = 0;
  for (let k = 0; k < order.length; k += step) {
    const i = order[k];
    const column = Math.round((x[i] - x0) * perX);
    const row = Math.round((y1 - y[i]) * perY);
    if (!(column >= 0 && column < width && row >= 0 && row < height)) continue; // also where a score is not a number
    drawn += 1;
    const { reach, covered, offsets, full, faded, redBlue, green } = stamps[style[i]];
    const alpha = only !== null && only[i] === 0 ? faded : full;
    const whole = column >= reach && column < width - reach && row >= reach && row < height - reach;
    const at = row * width + column;
    for (let m = 0; m < offsets.length; m += 1) {
      if (!whole && !within(column + covered[3 * m], row + covered[3 * m + 1], width, height)) continue;
      const a = alpha[m];
      const place = at + offsets[m];
      const under = pixels[place];
      const underRedBlue = under & 0xff00ff;
      const underGreen = under & 0x00ff00;
      pixels[place] =
        0xff000000 |
        ((underRedBlue + (((redBlue - underRedBlue) * a) >> 8)) & 0xff00ff) |
        ((underGreen + (((green - underGreen) * a) >> 8)) & 0x00ff00);
    }
  }
  return drawn;
}

/** A stamp in an image of this width, with its style: by how much each of its pixels covers (0 to 256), in full and faded. */
function placed({ pixel, opacity }, { reach, covered }, width) {
  const number = covered.length / 3;
  const [offsets, full, faded] = [new Int32Array(number), new Int32Array(number), new Int32Array(number)];
  for (let m = 0; m < number; m += 1) {
    offsets[m] = covered[3 * m + 1] * width + covered[3 * m];
    full[m] = covered[3 * m + 2] * opacity;
    faded[m] = full[m] * FADED;
  }
  return { reach, covered, offsets, full, faded, redBlue: pixel & 0xff00ff, green: pixel & 0x00ff00 };
}

function within(column, row, width, height) {
  return column >= 0 && column < width && row >= 0 && row < height;
}

/** The point nearest to a place of the plot, at most `reach` px away; -1 if there is none. */
export function nearestPoint({ x, y, order, view }, width, height, px, py, reach) {
  const [x0, x1, y0, y1] = view;
  const [perX, perY] = [width / (x1 - x0), height / (y1 - y0)];
  let best = reach * reach;
  let found = -1;
  for (let k = 0; k < order.length; k += 1) {
    const i = order[k];
    const dx = (x[i] - x0) * perX - px;
    const dy = (y1 - y[i]) * perY - py;
    const distance = dx * dx + dy * dy;
    if (distance <= best) {
      best = distance;
      found = i;
    }
  }
  return found;
}

/** The nearest point in a direction ([1, 0]: right, [0, 1]: up) from point `from`, within the view; -1 if there is none. */
export function nextPoint({ x, y, order, view }, width, height, from, [rightward, upward]) {
  const [x0, x1, y0, y1] = view;
  const [perX, perY] = [width / (x1 - x0), height / (y1 - y0)];
  let best = Infinity;
  let found = -1;
  for (let k = 0; k < order.length; k += 1) {
    const i = order[k];
    if (!(x[i] >= x0 && x[i] <= x1 && y[i] >= y0 && y[i] <= y1)) continue;
    const dx = (x[i] - x[from]) * perX;
    const dy = (y[i] - y[from]) * perY;
    const along = dx * rightward + dy * upward;
    const aside = Math.abs(dx * upward) + Math.abs(dy * rightward);
    if (along <= 0 || aside > along || along + aside >= best) continue;
    best = along + aside;
    found = i;
  }
  return found;
}
