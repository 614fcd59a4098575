// Axes: takes a view, makes its ticks, rules their lines into the pixels below the points, and draws their numbers and titles.
import { decimals } from "./look.js";

const TICK_EVERY = { x: 90, y: 60 }; // px, about
const FONT_PX = 12;

/** Round numbers from `low` to `high`, at most about `most` of them: [{value, text}]. */
export function ticksBetween(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((times) => times * power >= rough) ?? 10);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const number = Math.max(0, Math.floor(high / step + 1e-9) - first + 1);
  return Array.from({ length: number }, (_, k) => {
    const value = (first + k) * step;
    return { value, text: decimals(value, places) };
  });
}

/** Ticks of both axes of a view [x0, x1, y0, y1] that is `width` x `height` px large. */
export function ticksOf([x0, x1, y0, y1], width, height) {
  return { x: ticksBetween(x0, x1, width / TICK_EVERY.x), y: ticksBetween(y0, y1, height / TICK_EVERY.y) };
}

/** Write the lines of the ticks into the pixels of an image. */
export function ruleLines(pixels, width, height, [x0, x1, y0, y1], ticks, pixel) {
  for (const { value } of ticks.y) {
    const row = Math.round(((y1 - value) / (y1 - y0)) * height);
    if (row >= 0 && row < height) pixels.fill(pixel, row * width, (row + 1) * width);
  }
  for (const { value } of ticks.x) {
    const column = Math.round(((value - x0) / (x1 - x0)) * width);
    if (column < 0 || column >= width) continue;
    for (let at = column; at < pixels.length; at += width) pixels[at] = pixel;
  }
}

/** Draw numbers and titles into the margins around a plot; `edges`: their widths (px), `size`: of the whole panel (px). */
export function drawAxes(context, { edges, size, view, ticks, titles, colour, ground, family }) {
  const [width, height] = size;
  const [right, bottom] = [width - edges.r, height - edges.b];
  const [x0, x1, y0, y1] = view;
  context.fillStyle = ground;
  context.fillRect(0, 0, width, edges.t);
  context.fillRect(0, 0, edges.l, height);
  context.fillRect(right, 0, edges.r, height);
  context.fillRect(0, bottom, width, edges.b);
  context.fillStyle = colour;
  context.font = `${FONT_PX}px ${family}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const { value, text } of ticks.x) {
    context.fillText(text, edges.l + ((value - x0) / (x1 - x0)) * (right - edges.l), bottom + 6);
  }
  context.fillText(titles.x, (edges.l + right) / 2, bottom + 26);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { value, text } of ticks.y) {
    context.fillText(text, edges.l - 6, edges.t + ((y1 - value) / (y1 - y0)) * (bottom - edges.t));
  }
  context.save();
  context.translate(14, (edges.t + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(titles.y, 0, 0);
  context.restore();
}
