// Groups: how each well is drawn under the chosen colours, and the legend, whose buttons show and hide groups.
import { about, loadCompounds, loadWells } from "./data.js";
import { state } from "./state.js";
import { colours, count, element } from "./look.js";
import { pixelOf } from "./raster.js";

const LEGEND_PATHS = {
  circle: "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  dot: "M-.7 0a.7 .7 0 1 0 1.4 0a.7 .7 0 1 0-1.4 0",
  square: "M-.9-.9h1.8v1.8h-1.8z",
  diamond: "M0-1.2L1.2 0L0 1.2L-1.2 0z",
  triangle: "M0-1.1L1.1 .8H-1.1z",
};

/** How each well is drawn under the chosen colours: styles, and a function of a well. `group`: of every well. */
export async function stylesOf(group) {
  const few = group.length > 20000 ? 0.6 : 0.85;
  const theme = colours();
  const styles = about.groups.map(({ kind, colour, mark }) => {
    const control = kind === "positive" || kind === "negative";
    const faint = state.colour === "hit" ? 0.35 : control ? 0.9 : few;
    return {
      pixel: pixelOf(state.colour === "group" || control ? colour : theme.soft),
      mark,
      opacity: faint,
      layer: control ? 1 : 0,
    };
  });
  const first = styles.length;
  if (state.colour === "dose") {
    theme.dose.forEach((colour) => styles.push({ pixel: pixelOf(colour), mark: "dot", opacity: 0.9, layer: 1 }));
    const last = Math.max(about.doses.length - 1, 1);
    const wells = await loadWells();
    const shade = about.doses.map((_, rank) => first + Math.round((rank / last) * (theme.dose.length - 1)));
    return {
      styles,
      styleOf: (i) =>
        about.groups[group[i]].kind === "treated" && wells.dose[i] >= 0 ? shade[wells.dose[i]] : group[i],
    };
  }
  if (state.colour === "hit") {
    styles.push({ pixel: pixelOf(theme.mark), mark: "circle", opacity: 0.95, layer: 2 });
    const [wells, compounds] = await Promise.all([loadWells(), loadCompounds(state.featurizer)]);
    const hits = new Set(
      compounds ? about.series.flatMap(([cell, k], s) => (compounds.hit[s] ? [`${cell} ${k}`] : [])) : [],
    );
    return {
      styles,
      styleOf: (i) =>
        about.groups[group[i]].kind === "treated" && hits.has(`${wells.cell[i]} ${wells.compound[i]}`)
          ? first
          : group[i],
    };
  }
  return { styles, styleOf: (i) => group[i] };
}

/** The legend: a button per group that shows or hides its wells. */
export function startGroups(ofWells, restyle) {
  const number = about.groups.map(() => 0);
  for (const group of ofWells) number[group] += 1;
  document.getElementById("groups").append(
    ...about.groups.map(({ label, colour, mark }, group) => {
      const sign = element("span", {});
      sign.innerHTML = `<svg viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true"><path fill="${colour}" d="${LEGEND_PATHS[mark]}"/></svg>`;
      const button = element(
        "button",
        { type: "button", "aria-pressed": "true" },
        sign,
        `${label} (${count(number[group], "well")})`,
      );
      button.addEventListener("click", () => {
        if (!state.hidden.delete(group)) state.hidden.add(group);
        button.setAttribute("aria-pressed", !state.hidden.has(group));
        restyle();
      });
      return button;
    }),
  );
}
