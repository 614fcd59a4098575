"""Seven cell lines of the grey screen: how each looks where nothing was done to it, as tables of numbers.

The names are those of lines of the screen that Dmitrenko et al. (2022) used, one of each of its seven batches; the numbers are
ours, chosen so that lines are told apart by eye: rounded or spindly, loose or in islands, smooth or granular.
"""

from __future__ import annotations

from gandl.source.simulator.cells.morphology import CellLine

UNSTAINED = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""No stain: these cells are only drawn in transmitted light."""

TUMOUR_LINES = {
    "M14": CellLine(
        density=640, clustering=0.15, nucleus=7.4, nucleus_elongation=1.4, size=22, elongation=1.9, alignment=0.3,
        ruggedness=1.1, nucleoli=2.5, nucleolus=1.5, fibres=1.0, rim=0.9, reticulum=1.0, granules=1.0, chromatin=0.9,
        mitochondria=1.0, perinuclear=1.2, golgi=0.14, golgi_spread=2.6, brightness=UNSTAINED,
    ),
    "SF539": CellLine(
        density=480, clustering=0.05, nucleus=8.0, nucleus_elongation=1.5, size=26, elongation=2.4, alignment=0.6,
        ruggedness=0.9, nucleoli=2.0, nucleolus=1.6, fibres=1.5, rim=0.7, reticulum=0.8, granules=0.8, chromatin=0.8,
        mitochondria=1.1, perinuclear=1.0, golgi=0.16, golgi_spread=3.0, brightness=UNSTAINED,
    ),
    "SW620": CellLine(
        density=820, clustering=0.9, nucleus=6.6, nucleus_elongation=1.2, size=15, elongation=1.25, alignment=0.0,
        ruggedness=0.7, nucleoli=2.0, nucleolus=1.4, fibres=0.6, rim=1.5, reticulum=1.1, granules=1.2, chromatin=1.1,
        mitochondria=0.9, perinuclear=1.3, golgi=0.08, golgi_spread=2.2, brightness=UNSTAINED,
    ),
    "OVCAR4": CellLine(
        density=560, clustering=0.5, nucleus=8.4, nucleus_elongation=1.25, size=24, elongation=1.35, alignment=0.1,
        ruggedness=1.3, nucleoli=3.5, nucleolus=1.5, fibres=0.9, rim=1.2, reticulum=1.2, granules=1.4, chromatin=1.0,
        mitochondria=1.0, perinuclear=0.9, golgi=0.18, golgi_spread=3.0, brightness=UNSTAINED,
    ),
    "BT549": CellLine(
        density=440, clustering=0.1, nucleus=7.8, nucleus_elongation=1.45, size=27, elongation=2.1, alignment=0.1,
        ruggedness=1.7, nucleoli=3.0, nucleolus=1.3, fibres=1.2, rim=0.6, reticulum=0.9, granules=0.9, chromatin=0.8,
        mitochondria=1.2, perinuclear=1.5, golgi=0.14, golgi_spread=3.2, brightness=UNSTAINED,
    ),
    "COLO205": CellLine(
        density=760, clustering=0.7, nucleus=6.3, nucleus_elongation=1.1, size=13, elongation=1.1, alignment=0.0,
        ruggedness=0.5, nucleoli=1.5, nucleolus=1.2, fibres=0.4, rim=1.0, reticulum=0.8, granules=1.5, chromatin=1.2,
        mitochondria=0.8, perinuclear=1.6, golgi=0.06, golgi_spread=2.0, brightness=UNSTAINED,
    ),
    "HCT15": CellLine(
        density=700, clustering=1.0, nucleus=7.0, nucleus_elongation=1.25, size=18, elongation=1.3, alignment=0.2,
        ruggedness=1.0, nucleoli=3.0, nucleolus=1.7, fibres=0.8, rim=1.7, reticulum=1.0, granules=0.7, chromatin=1.0,
        mitochondria=0.9, perinuclear=0.8, golgi=0.1, golgi_spread=2.4, brightness=UNSTAINED,
    ),
}  # fmt: skip
