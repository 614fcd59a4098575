"""The training curve: takes numbers step by step, makes the table of their means between status lines (`tables.CURVE`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.models.objectives.objective import COURSE_NUMBERS
from gandl.tables import CURVE, write_table

Row = tuple[int, int, str, float]
ROLL_BACK = "roll_back"
"""Metric of a roll-back: where a course was given up; its value is the number of roll-backs so far."""
OF_ROLL_BACK = (ROLL_BACK, *COURSE_NUMBERS)
"""What is written at a roll-back besides its number: the settings that training continues with."""


class Curve:
    """Points so far, and the numbers since the last of them; both survive in a checkpoint."""

    def __init__(self, rows: list[Row] | None = None, tick: dict[str, list[float]] | None = None) -> None:
        self.rows = [] if rows is None else rows
        self.tick = {} if tick is None else tick

    def record(self, metric: str, value: float) -> None:
        """Note one number of a step."""
        self.tick.setdefault(metric, []).append(value)

    def add(self, images: int, step: int, **values: float) -> None:
        """Add a point of its own; it replaces one of the same metric there."""
        kept = [row for row in self.rows if row[0] != images or row[2] not in values]
        self.rows = kept + [(images, step, metric, float(value)) for metric, value in values.items()]

    def end_tick(self, images: int, step: int) -> None:
        """Turn the numbers noted since the last point into one: their means."""
        self.add(images, step, **{metric: float(np.mean(values)) for metric, values in self.tick.items()})
        self.tick = {}

    def roll_backs(self) -> list[Row]:
        """Rows that record roll-backs: they stay when the curve is rolled back with the training."""
        return [row for row in self.rows if row[2] in OF_ROLL_BACK]

    def keep(self, rows: list[Row]) -> None:
        """Take over rows that this curve, of an earlier checkpoint, does not have."""
        self.rows += [row for row in rows if row not in self.rows]

    def write(self, path: Path) -> None:
        """Write the table."""
        write_table(pd.DataFrame(self.rows, columns=CURVE.names), path, CURVE)

    def state(self) -> dict[str, Any]:
        """Plain values that `restored` takes."""
        return {"rows": list(self.rows), "tick": {metric: list(values) for metric, values in self.tick.items()}}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Curve:
        """The curve of a state."""
        return cls([tuple(row) for row in state["rows"]], {metric: list(v) for metric, v in state["tick"].items()})
