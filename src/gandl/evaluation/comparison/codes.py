"""Codes: takes the codes table of a setup and the tiles table, makes labelled tiles with their codes.

One reader for all tasks, so that all of them refuse the same mistakes and see the same tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.tables import feature_columns, read_table
from gandl.tables.comparison import CODES, DRUG, TILES

Codes = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class ComparisonTaskError(ValueError):
    """A task of the comparison cannot be done; the message names the file and says why."""


@dataclass(frozen=True)
class Coded:
    """Labelled tiles and their codes.

    Attributes
    ----------
    tiles : rows of `gandl.tables.comparison.TILES` of n tiles, in the order of the codes. values : (n, d) float32.
    source : the file of the codes, for messages.
    """

    tiles: pd.DataFrame
    values: Codes
    source: Path

    def where(self, here: pd.Series | Flags) -> Coded:
        """Some of the tiles."""
        flags = np.asarray(here, bool)
        return Coded(self.tiles[flags], self.values[flags], self.source)

    def at(self, positions: npt.NDArray[np.integer]) -> Coded:
        """The tiles at these positions."""
        return Coded(self.tiles.iloc[positions], self.values[positions], self.source)

    def part(self, part: str) -> Coded:
        """The tiles of a part."""
        return self.where(self.tiles["part"] == part)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def drugs(self) -> Flags:
        """(n,) whether each tile shows a drug, not a control."""
        return (self.tiles["label"] == DRUG).to_numpy(bool)

    @property
    def lines(self) -> list[str]:
        """The cell lines, by name."""
        return sorted(self.tiles["cell_type"].unique())

    @property
    def wells(self) -> npt.NDArray[np.object_]:
        """(n,) the well of each tile."""
        return self.tiles["well_id"].to_numpy(object)


def read_codes(codes: Path, tiles: Path) -> Coded:
    """The labelled tiles that have codes.

    Parameters
    ----------
    codes, tiles : `gandl.tables.comparison.CODES` and `.TILES`.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema, e.g. a code is not a finite number.
    ComparisonTaskError : a code of a tile that the tiles table does not have, or no labelled tile has a code.
    """
    found = read_table(Path(codes), CODES)
    about = read_table(Path(tiles), TILES)
    unknown = ~found["tile"].isin(about["tile"])
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise ComparisonTaskError(
            f"{codes}: row {row + 1} is of tile {found['tile'].iloc[row]}, which {tiles} does not have: were tiles cut anew "
            "without embedding them again?"
        )
    about = about.set_index("tile").loc[found["tile"]].reset_index()
    labelled = about["label"].notna().to_numpy(bool)
    if not labelled.any():
        raise ComparisonTaskError(
            f"{codes}: no tile is labelled as drug or control in {tiles}: nothing can be compared"
        )
    values = found[feature_columns(found)].to_numpy(np.float32)
    return Coded(about, values, Path(codes)).where(labelled)


def drawn(n: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int_]:
    """Positions of at most so many of n, drawn without replacement, in their order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))
