"""The training curve: takes numbers step by step, makes the table of their means between status lines (`tables.CURVE`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gandl.tables import CURVE, write_table

Row = tuple[int, int, str, float]
STATUS = ("loss_generator", "loss_discriminator", "r1", "path_length")
"""What a status line shows."""


class Curve:
    """Points so far, and the numbers since the last of them; both survive in a checkpoint."""

    def __init__(self, rows: list[Row] | None = None, tick: dict[str, list[float]] | None = None) -> None:
        self.rows = [] if rows is None else rows
        self.tick = {} if tick is None else tick

    def record(self, metric: str, value: float) -> None:
        """Note one number of a step."""
        self.tick.setdefault(metric, []).append(value)

    def add(self, images: int, step: int, **values: float) -> None:
        """Add a point of its own."""
        self.rows += [(images, step, metric, float(value)) for metric, value in values.items()]

    def end_tick(self, images: int, step: int) -> dict[str, float]:
        """Turn the numbers noted since the last point into one (their means); gives those of the status line."""
        means = {metric: float(np.mean(values)) for metric, values in self.tick.items()}
        self.add(images, step, **means)
        self.tick = {}
        return {metric: means[metric] for metric in STATUS if metric in means}

    def write(self, path: Path) -> None:
        """Write the table."""
        write_table(pd.DataFrame(self.rows, columns=CURVE.names), path, CURVE)
