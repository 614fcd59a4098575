// Well: what is known of one well, its picture, links to its plate and its compound's curve, and the wells most like it.
import { about, loadCompounds, loadNeighbours, loadScores } from "./data.js";
import { change, linkTo, listen, seriesAt, shownWell, state, toggleWell } from "./state.js";
import { decimals, element, thumbnail, wellFacts } from "./look.js";

const [LARGE_PICTURE, SMALL_PICTURE] = [152, 84];

export function startWell(wells) {
  const card = document.getElementById("well");
  const near = document.getElementById("near");

  async function show() {
    const well = shownWell();
    if (well < 0) return;
    const [scores, compounds, neighbours] = await Promise.all([
      loadScores(state.featurizer),
      loadCompounds(state.featurizer),
      loadNeighbours(state.featurizer, well),
    ]);
    if (well !== shownWell()) return;
    const list = element("dl");
    for (const [term, text] of [...wellFacts(wells, well), ...scoreFacts(scores, well), ...hitFact(compounds, well)]) {
      list.append(element("dt", {}, term), element("dd", {}, text));
    }
    const picture = thumbnail(wells, well, LARGE_PICTURE, `Image of ${wells.id[well]}`);
    card.replaceChildren(picture, element("div", {}, list, links(well)));
    showNeighbours(neighbours);
  }

  function scoreFacts(scores, i) {
    return Object.keys(about.spaces).map((space) => [
      space.replace("2", "²"),
      `on ${decimals(scores[space].on[i])}, off ${decimals(scores[space].off[i])}`,
    ]);
  }

  function hitFact(compounds, i) {
    const series = seriesAt(wells.cell[i], wells.compound[i]);
    if (!compounds || series < 0 || compounds.hit[series] === null) return [];
    return [["Judged", compounds.hit[series] ? "hit" : "no hit"]];
  }

  function links(i) {
    const shown = element("p", { className: "tools" });
    shown.append(element("a", { href: linkTo({ plate: about.plates[wells.plate[i]].name }) }, "Its plate"));
    if (seriesAt(wells.cell[i], wells.compound[i]) >= 0) {
      const compound = about.compounds[wells.compound[i]];
      const href = linkTo({ compound, cell: about.cells[wells.cell[i]] });
      shown.append(element("a", { href, id: "to-curve" }, `Curve of ${compound}`));
    }
    const button = element("button", { type: "button" }, state.selected[i] ? "Deselect" : "Select");
    button.addEventListener("click", () => toggleWell(i));
    shown.append(button);
    return shown;
  }

  function showNeighbours(found) {
    const { label, neighbours } = about.featurizers.find(({ name }) => name === state.featurizer);
    const measure = neighbours === "distance" ? "distance" : "cosine";
    document.getElementById("near-title").textContent = `Nearest neighbours: ${label}`;
    if (!found) {
      near.replaceChildren(
        element("li", {}, "A well has another profile in every fold of this featurizer, so it has no neighbours."),
      );
      return;
    }
    near.replaceChildren(
      ...found.map(({ well, similarity }) => {
        const facts = wellFacts(wells, well);
        const picture = thumbnail(wells, well, SMALL_PICTURE, `Image of ${wells.id[well]}`);
        const what = facts.find(([term]) => term === "Compound") ?? facts.find(([term]) => term === "Group");
        const button = element(
          "button",
          { type: "button" },
          picture,
          element("br"),
          facts[0][1],
          element("br"),
          what[1],
          element("br"),
          `${measure} ${decimals(similarity, 3)}`,
        );
        button.addEventListener("click", () => change({ hover: -1, well, plate: wells.plate[well] }));
        return element("li", {}, button);
      }),
    );
  }

  listen(["hover", "well", "featurizer", "selections"], show);
}
