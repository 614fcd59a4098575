"""A small comparison: tiles of several cell lines, vehicle and four drugs, with codes whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PARTS = ("train", "train", "validation", "test", "test")


def made(
    folder: Path,
    *,
    lines: Sequence[str] = ("HT29", "M14"),
    drugs: Sequence[str] = ("MTX", "PEM", "PAC", "RAP"),
    wells: int = 5,
    per_well: int = 6,
    d: int = 12,
    effect: float = 6.0,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Codes and tiles: MTX and PEM shift codes alike, PAC and RAP in opposite ways, by `effect`; tiles vary by 1."""
    rng = np.random.default_rng(seed)
    ways = {name: np.eye(d)[i] for i, name in enumerate(drugs)}
    ways |= {"PEM": np.eye(d)[0], "PAC": np.eye(d)[2], "RAP": -np.eye(d)[2]}
    rows, values = [], []
    for line in lines:
        for name in (None, None, *drugs):
            for well in range(wells):
                about = {
                    "well_id": f"{line}_{name}_{well}_{len(rows)}",
                    "cell_type": line,
                    "treatment": name,
                    "control": "none" if name else "negative",
                    "label": "drug" if name else "control",
                    "part": PARTS[well % len(PARTS)],
                }
                for _ in range(per_well):
                    rows.append(about)
                    values.append(rng.normal(size=d) + 3 + (effect * ways[name] if name else 0))
    return written(folder, pd.DataFrame(rows), np.array(values))


def written(folder: Path, tiles: pd.DataFrame, values: np.ndarray) -> tuple[Path, Path]:
    """Write codes and tiles; the codes lie in another order than the tiles."""
    folder.mkdir(parents=True, exist_ok=True)
    tiles = tiles.assign(
        tile=np.arange(len(tiles)),
        site_id=tiles["well_id"] + "_1",
        store_id="store",
        plate_id="plate",
        concentration_um=np.where(tiles["treatment"].isna(), np.nan, 1.0),
        channel="grey",
        top=0,
        left=0,
    )
    codes = pd.DataFrame(values.astype(np.float32)).add_prefix("feature_").assign(tile=tiles["tile"])
    tiles.to_parquet(folder / "tiles.parquet")
    codes.sample(frac=1, random_state=0).to_parquet(folder / "codes.parquet", index=False)
    return folder / "codes.parquet", folder / "tiles.parquet"


def value(numbers: pd.DataFrame, metric: str, line: str) -> pd.Series:
    """The one row of a metric and cell line."""
    (found,) = numbers[(numbers["metric"] == metric) & (numbers["cell_type"] == line)].to_dict("records")
    return pd.Series(found)
