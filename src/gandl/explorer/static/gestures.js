// Gestures: what pointer and wheel do on a plot, handed on as pans, zooms, outlines and picks, in px from the panel's corner.

const STILL = 4; // px that a click may move
const [ZOOM_BY_PX, MOST_WHEEL_PX, PX_OF_A_LINE] = [0.0025, 120, 16];

/**
 * Listen to a panel. `act`: {mode(): "pan" | "select" | "lasso", pan(dx, dy), zoom(factor, at), outline(places, extending, done),
 * pick(at), point(at), leave()}; `outline` is called with the polygon while it is drawn, and once more when it is done.
 */
export function startGestures(panel, act) {
  let drag = null;

  function placeOf(event) {
    const box = panel.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  panel.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    panel.setPointerCapture(event.pointerId);
    const here = placeOf(event);
    drag = { first: here, last: here, path: [here], mode: act.mode(), moved: false, extending: event.shiftKey };
  });

  panel.addEventListener("pointermove", (event) => {
    const here = placeOf(event);
    if (!drag) {
      act.point(here);
      return;
    }
    drag.moved ||= Math.hypot(here[0] - drag.first[0], here[1] - drag.first[1]) >= STILL;
    if (!drag.moved) return;
    if (drag.mode === "pan") act.pan(here[0] - drag.last[0], here[1] - drag.last[1]);
    else {
      drag.path = drag.mode === "select" ? cornersOf(drag.first, here) : [...drag.path, here];
      act.outline(drag.path, drag.extending, false);
    }
    drag.last = here;
  });

  panel.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { moved, mode, path, extending } = drag;
    drag = null;
    if (!moved) act.pick(placeOf(event));
    else if (mode !== "pan") act.outline(path, extending, true);
  });

  panel.addEventListener("pointercancel", () => {
    if (drag && drag.mode !== "pan") act.outline([], false, false);
    drag = null;
  });
  panel.addEventListener("pointerleave", () => !drag && act.leave());

  panel.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const px = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? PX_OF_A_LINE : 1);
      act.zoom(Math.exp(ZOOM_BY_PX * Math.min(Math.max(px, -MOST_WHEEL_PX), MOST_WHEEL_PX)), placeOf(event));
    },
    { passive: false },
  );
}

function cornersOf([x0, y0], [x1, y1]) {
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
}

/** Whether a place lies within a polygon of places: a ray from it crosses the outline an odd number of times. */
export function insideOutline(x, y, outline) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i, i += 1) {
    const [[xi, yi], [xj, yj]] = [outline[i], outline[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
