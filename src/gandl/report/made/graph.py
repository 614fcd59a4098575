"""The rule graph of a run, or of one figure, as a picture: takes what `snakemake --rulegraph mermaid-js` prints, makes SVG.

Stages are columns, in the order of the corridor; within a stage a rule stands right of those that it needs. An arrow that follows
from others (a -> b -> c makes a -> c follow) is left out. Needs no graphviz, no browser and no network.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gandl.report.made.costs import STAGES
from gandl.workflow.made_of import GATHERING

OTHER = {
    "tables": "figures",
    "paper_figures": "figures",
    "comparison_figures": "figures",
    "counterparts": "models",
}
"""Rule files that are not named after their stage."""
BOX, ROW, GAP, BETWEEN, TOP, MARGIN = 24, 34, 62, 26, 64, 22
"""Height of a box, distance of rows, of columns within a stage, more of it between stages, room for the headings, edge (px)."""
LETTER = 7.0
"""Width of a letter (px)."""
TINTS = {
    **{
        "source": "#e8f1f8",
        "images": "#e6f4ef",
        "models": "#fdf3dd",
        "embeddings": "#fbe9e1",
        "normalization": "#f3e9f4",
    },
    **{"evaluation": "#e9edf9", "figures": "#eef3e2", "report": "#f0f0f0"},
}
STYLE = (
    "text{font-family:'DejaVu Sans',Arial,sans-serif;font-size:12px;fill:#1d2429}"
    ".stage{font-size:14px;font-weight:700}.note{fill:#5b666e}.title{font-size:16px;font-weight:700}"
    "path{fill:none;stroke:#7d8a94;stroke-width:1.1;opacity:.75}rect.box{fill:#fff;stroke:#5b666e;stroke-width:1}"
    "rect.target{fill:#0072b2;stroke:#0072b2}text.target{fill:#fff;font-weight:700}"
)


class GraphError(ValueError):
    """What was read is no rule graph; the message says what is expected."""


@dataclass(frozen=True)
class RuleGraph:
    """Rules with their stage, and arrows from what is needed to what needs it."""

    stages: Mapping[str, str]
    arrows: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Placed:
    """A box: left edge, middle line and width."""

    x: float
    y: float
    width: float


def read_rule_graph(text: str, stages: Mapping[str, str]) -> RuleGraph:
    """The graph that Snakemake printed, without the rules that only gather results.

    Parameters
    ----------
    text : output of `snakemake --rulegraph mermaid-js`. stages : the stage of every rule (`stages_of_rules`).

    Raises
    ------
    GraphError : the text holds no rule, or a rule that no file names.
    """
    names = dict(re.findall(r"^\s*(id\d+)\[(.+?)\]\s*$", text, re.MULTILINE))
    if not names:
        raise GraphError("this is no rule graph: the output of snakemake --rulegraph mermaid-js is expected")
    if unknown := sorted(set(names.values()) - set(stages)):
        raise GraphError(f"no file of rules/ names {', '.join(unknown)}")
    found = re.findall(r"^\s*(id\d+) --> (id\d+)\s*$", text, re.MULTILINE)
    arrows = {(names[a], names[b]) for a, b in found if a != b}
    kept = [name for name in names.values() if name not in GATHERING]
    arrows = {(a, b) for a, b in arrows if a in kept and b in kept and a != b}
    return RuleGraph({name: stages[name] for name in kept}, frozenset(_reduced(arrows)))


def stages_of_rules(rules: Iterable[Path]) -> dict[str, str]:
    """The stage of every rule, by the file of `rules/` that defines it."""
    found = {"all": "report"}
    for path in rules:
        text = Path(path).read_text(encoding="utf-8")
        stage = OTHER.get(path.stem, path.stem)
        for name in re.findall(r"^(?:rule (\w+)|use rule \w+ as (\w+) with):", text, re.MULTILINE):
            found[name[0] or name[1]] = stage
    return found


def _reduced(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without the arrows that follow from others."""
    after: dict[str, set[str]] = defaultdict(set)
    for a, b in arrows:
        after[a].add(b)

    def reaches(start: str, seen: set[str]) -> set[str]:
        for following in after[start] - seen:
            seen.add(following)
            reaches(following, seen)
        return seen

    beyond = {a: set().union(*(reaches(b, set()) for b in list(after[a]))) for a in list(after)}
    return {(a, b) for a, b in arrows if b not in beyond[a]}


def draw(graph: RuleGraph, title: str, targets: Sequence[str] = ()) -> str:
    """The picture, as SVG.

    Parameters
    ----------
    title : stands above. targets : rules that were asked for; they are filled.
    """
    columns = _columns(graph)
    _order(columns, graph.arrows)
    boxes, stages, width, height = _place(columns, graph)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        f'<text class="title" x="{MARGIN}" y="24">{escape(title)}</text>',
    ]
    for stage, (left, right) in stages.items():
        parts.append(
            f'<rect x="{left:.0f}" y="36" width="{right - left:.0f}" height="{height - 36 - MARGIN / 2:.0f}" rx="6" '
            f'fill="{TINTS.get(stage, "#f0f0f0")}"/><text class="stage" x="{left + 10:.0f}" y="54">{escape(stage)}</text>'
        )
    parts += [_arrow(boxes[a], boxes[b]) for a, b in sorted(graph.arrows)]
    for name, box in boxes.items():
        css = " target" if name in targets else ""
        parts.append(
            f'<rect class="box{css}" x="{box.x:.1f}" y="{box.y - BOX / 2:.1f}" width="{box.width:.1f}" height="{BOX}" rx="4"/>'
            f'<text class="rule{css}" x="{box.x + 8:.1f}" y="{box.y + 4:.1f}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _columns(graph: RuleGraph) -> list[list[str]]:
    """Rules by column: stage by stage, and within a stage by how many of its rules stand before them."""
    before: dict[str, set[str]] = defaultdict(set)
    for a, b in graph.arrows:
        if graph.stages[a] == graph.stages[b]:
            before[b].add(a)

    def depth(name: str) -> int:
        return 1 + max((depth(other) for other in before[name]), default=-1)

    columns: dict[tuple[int, int], list[str]] = defaultdict(list)
    order = {stage: i for i, stage in enumerate(STAGES)}
    for name, stage in graph.stages.items():
        columns[order.get(stage, len(order)), depth(name)].append(name)
    return [sorted(columns[key]) for key in sorted(columns)]


def _order(columns: list[list[str]], arrows: Iterable[tuple[str, str]]) -> None:
    """Order the rules of each column by the mean place of their neighbours, to and fro, so that few arrows cross."""
    near: dict[str, list[str]] = defaultdict(list)
    for a, b in arrows:
        near[a].append(b)
        near[b].append(a)
    place = {name: (i + 0.5) / len(column) for column in columns for i, name in enumerate(column)}
    for sweep in range(12):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            mean = {name: sum(place[o] for o in near[name]) / len(near[name]) if near[name] else 0.5 for name in column}
            column.sort(key=lambda name: (mean[name], name))
            for i, name in enumerate(column):
                place[name] = (i + 0.5) / len(column)


def _place(
    columns: Sequence[Sequence[str]], graph: RuleGraph
) -> tuple[dict[str, _Placed], dict[str, tuple[float, float]], float, float]:
    """Boxes, the left and right edge of every stage, and the size of the picture."""
    height = TOP + MARGIN + max(map(len, columns)) * ROW
    boxes: dict[str, _Placed] = {}
    stages: dict[str, tuple[float, float]] = {}
    x = float(MARGIN)
    for column in columns:
        stage = graph.stages[column[0]]
        if stage in stages:
            x += GAP - 14
        elif stages:
            x += BETWEEN
        left = x if stage not in stages else stages[stage][0]
        x = x + 14 if stage not in stages else x
        width = max(LETTER * len(name) + 18 for name in column)
        first = TOP + (height - TOP - MARGIN - (len(column) - 1) * ROW) / 2
        for i, name in enumerate(column):
            boxes[name] = _Placed(x, first + i * ROW, width)
        x += width
        right = max(x + 14, left + LETTER * 1.25 * len(stage) + 20)
        stages[stage] = left, right
        x = right if right > x + 14 else x + 14
    return boxes, stages, x + MARGIN, height


def _arrow(a: _Placed, b: _Placed) -> str:
    """A curve from the right of a box to the left of another, with a head."""
    x0, x1 = a.x + a.width, b.x
    bend = max((x1 - x0) / 2, 24)
    return (
        f'<path d="M{x0:.1f} {a.y:.1f}C{x0 + bend:.1f} {a.y:.1f} {x1 - bend:.1f} {b.y:.1f} {x1 - 4:.1f} {b.y:.1f}"/>'
        f'<path d="M{x1 - 7:.1f} {b.y - 3.5:.1f}L{x1 - 1:.1f} {b.y:.1f}L{x1 - 7:.1f} {b.y + 3.5:.1f}"/>'
    )
