"""Sizes of a figure in print: takes an SVG of matplotlib with its text as outlines, gives its width and smallest text."""

from __future__ import annotations

import re
from pathlib import Path

OUTLINES = 100
"""Points of the glyphs that matplotlib scales to the size of a text (`TextToPath.FONT_SCALE`)."""
MM_PER_POINT = 25.4 / 72
TEXT, PART = r"scale\(([\d.]+) -\1\)", r"translate\([^)]*\) scale\(([\d.]+)\)"
SCALES = re.compile(f"{TEXT}|{PART}")


def width_mm(svg: Path) -> float:
    """The width at which it is printed."""
    (points,) = re.findall(r'<svg[^>]* width="([\d.]+)pt"', svg.read_text(encoding="utf-8"))
    return float(points) * MM_PER_POINT


def smallest_text_pt(svg: Path) -> float:
    """The size of its smallest text, parts of formulas (sub- and superscripts) included; infinite where it has none.

    A text is a group that is scaled by `scale(s -s)`, s being its size over that of the outlines; within a formula each part is
    scaled once more, by `scale(s)`.
    """
    smallest, of_text = float("inf"), float("inf")
    for text, part in SCALES.findall(svg.read_text(encoding="utf-8")):
        of_text = OUTLINES * float(text) if text else of_text
        smallest = min(smallest, of_text * float(part) if part else of_text)
    return smallest
