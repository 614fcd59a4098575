"""Switches: takes a finished comparison, says what each defect of the published code does to its numbers.

Those that act in the evaluation are switched one by one on the codes that the run saved. Those that act in a training need runs
of their own, which are compared with this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config.comparison import ComparisonTasksSettings
from gandl.config.comparison_terms import SWITCHES_OF, Beyond, Switch, parts_of
from gandl.evaluation.comparison.codes import Coded, read_codes
from gandl.evaluation.comparison.drug_control import Chosen, heads_of, reason_not_to_train, rows_of, task_of
from gandl.evaluation.comparison.numbers import Collected, centre, collected, over_lines, over_seeds
from gandl.evaluation.comparison.terms import OF_CLASSIFIER
from gandl.tables import Column, Schema, write_table

EFFECTS = Schema(
    "effects of switches",
    (
        Column("switch", "string", allowed=tuple(Switch)),
        Column("metric", "string"),
        Column("setup", "string"),
        Column("seed", "integer"),
        Column("cell_type", "string"),
        Column("right", "float", nullable=True),
        Column("switched", "float", nullable=True),
    ),
    key=("switch", "metric", "setup", "seed", "cell_type"),
)
"""A number without and with a switch; seed -1: over all seeds, cell type `all`: over all."""
OF_HEAD = (Switch.LINEAR_HEAD, Switch.DOUBLE_SOFTMAX, Switch.TEST_SELECTION, Switch.TILE_SPLIT)
"""Switches for which the head is trained anew on saved codes."""
BY_OTHER_RUNS = (
    Switch.DETACHED_REGULARIZER,
    Switch.LINEAR_HEAD,
    Switch.DOUBLE_SOFTMAX,
    Switch.UNNORMALIZED_CODES,
    Switch.BATCH_AUGMENTATION,
    Switch.FAST_AVERAGE,
    Switch.TILE_SPLIT,
)
"""Switches that change what networks learn, or the codes."""
WATCHED = ("d", "head_accuracy", "head_roc_auc", "silhouette")
"""Metrics that are compared with those of other runs: one or two of each task."""
METRICS = OF_CLASSIFIER
OVER_SEEDS, OVER_LINES = -1, "all"

Effect = dict[str, object]


@dataclass(frozen=True)
class Run:
    """Files of a finished comparison: codes by setup and seed, the tiles, and numbers of all tasks."""

    codes: Mapping[tuple[str, int], Path]
    tiles: Path
    numbers: Sequence[Path]

    @classmethod
    def at(cls, results: Path, setups: Sequence[str], seeds: Sequence[int]) -> Run:
        """By the places that the workflow gives files; those of setups and seeds that the run lacks are left out.

        Raises
        ------
        FileNotFoundError : the run has no tiles table.
        """
        folder, tasks = results / "embeddings/comparison", results / "evaluation/comparison"
        wanted = {(setup, seed): folder / f"{setup}.seed_{seed}.parquet" for setup in setups for seed in seeds}
        tiles = sorted((results / "images/comparison").glob("*.tiles.parquet"))
        if not tiles:
            raise FileNotFoundError(f"{results} has no images/comparison/*.tiles.parquet: it is no finished comparison")
        kinds = ("similarity", "drug_control", "clusters")
        numbers = [tasks / kind / f"{setup}.seed_{seed}.parquet" for kind in kinds for setup, seed in wanted]
        return cls({key: path for key, path in wanted.items() if path.is_file()}, tiles[0], numbers)

    def present(self) -> list[Path]:
        """The numbers that are there."""
        return [path for path in self.numbers if path.is_file()]


def write_switches(
    run: Run,
    others: Mapping[str, Run],
    output: Path,
    settings: ComparisonTasksSettings,
    *,
    setups: Sequence[str],
    seeds: Sequence[int],
    seed: int,
) -> None:
    """Write what switches do.

    Parameters
    ----------
    run : without any switch. others : by switch, the same comparison with that switch alone on.
    output : `EFFECTS`; a switch that nothing is known of has no rows.
    setups, seeds : to compare; heads are trained anew on the codes of each, five times over the grid.
    seed : as of `drug_control.write_drug_control`.

    Raises
    ------
    gandl.tables.TableError, ComparisonTaskError : of `read_codes` and `collected`.
    """
    rows: list[Effect] = []
    for (setup, training_seed), path in run.codes.items():
        if setup in setups and training_seed in seeds:
            about = {"setup": setup, "seed": training_seed}
            rows += [{**each, **about} for each in head_effects(read_codes(path, run.tiles), settings, seed)]
    own = collected(run.present(), setups, seeds)
    rows += table_effects(own)
    for name, other in others.items():
        rows += run_effects(Switch(name), own, collected(other.present(), setups, seeds))
    table = pd.DataFrame(rows, columns=EFFECTS.names)
    write_table(table.astype({"seed": "int64", "right": float, "switched": float}), Path(output), EFFECTS)


def head_effects(coded: Coded, settings: ComparisonTasksSettings, seed: int) -> Iterator[Effect]:
    """What each switch of the evaluation changes of the head's metrics on one set of codes, cell line by cell line."""
    if reason_not_to_train(coded):
        return

    def head(of: Coded, on: frozenset[Switch] = frozenset()) -> Mapping[str, Chosen]:
        return {"head": heads_of(task_of(of, settings.head.components, seed), settings, on, seed)}

    def metrics(of: Coded, found: Mapping[str, Chosen], hard: bool = False) -> dict[tuple[str, str], float]:
        few = settings.changed(bootstrap=1)  # intervals are of no use here
        rows = rows_of(of, found, None, few, hard, seed)
        return {(str(row["cell_type"]), str(row["metric"])): float(row["value"]) for row in rows}  # type: ignore[arg-type]

    found = head(coded)
    right = metrics(coded, found)
    switched = {Switch.HARD_AUC: metrics(coded, found, hard=True)}
    for switch in OF_HEAD:
        of = by_tile(coded, seed) if switch is Switch.TILE_SPLIT else coded
        switched[switch] = metrics(of, head(of, frozenset({switch})))
    for switch, values in switched.items():
        for metric in METRICS:
            for line in coded.lines:
                key = (line, f"head_{metric}")
                yield _effect(switch, key[1], line, right[key], values.get(key, np.nan))


def by_tile(coded: Coded, seed: int) -> Coded:
    """The same tiles with their parts dealt anew, tile by tile within cell line and label: tiles of a well are in several parts.

    The encoder has still seen the training wells alone: of the whole effect this is the classifier's share.
    """
    rng = np.random.default_rng(seed)
    parts = coded.tiles["part"].to_numpy(object).copy()
    for places in coded.tiles.reset_index(drop=True).groupby(["cell_type", "label"]).indices.values():
        parts[places] = rng.permutation(parts[places])
    return replace(coded, tiles=coded.tiles.assign(part=parts))


def table_effects(found: Collected) -> Iterator[Effect]:
    """What the switches of the table change: the spread of d, and the values of all seeds against those of the first."""
    for setup in found.setups:
        if "d" in found.values:
            mad = over_lines(found.of_setup(setup, "d"))["mad"]
            if np.isfinite(mad):
                yield {**_effect(Switch.MAD_OF_SCALAR, "mad of d", OVER_LINES, mad, 0.0), "setup": setup}
        for metric in WATCHED:
            if metric in found.values and len(of_seeds := found.of_setup(setup, metric)) > 1:
                first, *_ = centres = centre(of_seeds, metric)
                effect = _effect(Switch.SINGLE_SEED, metric, OVER_LINES, float(over_seeds(centres)), float(first))
                yield {**effect, "setup": setup}


def run_effects(switch: Switch, right: Collected, switched: Collected) -> Iterator[Effect]:
    """The watched metrics of two runs over cell lines, setup by setup and seed by seed, of the setups whose trainings the switch
    touches: of the others both runs have the same numbers, or differ by what the head does, which `head_effects` tells."""
    for setup in right.setups:
        for metric in WATCHED:
            if touches(switch, setup) and metric in right.values and metric in switched.values:
                pair = (centre(of.of_setup(setup, metric), metric) for of in (right, switched))
                for seed, one, other in zip(right.seeds, *pair, strict=False):
                    if np.isfinite([one, other]).all():
                        name = f"{metric}, trained with it" if switch in OF_HEAD else metric
                        effect = _effect(switch, name, OVER_LINES, float(one), float(other))
                        yield {**effect, "setup": setup, "seed": seed}


def touches(switch: Switch, setup: str) -> bool:
    """Whether a switch of `BY_OTHER_RUNS` changes what a setup's training learns, or its codes."""
    parts = parts_of(setup)
    if isinstance(parts, Beyond):
        return parts.learned and switch is Switch.TILE_SPLIT
    return switch is Switch.TILE_SPLIT or switch in SWITCHES_OF[parts[0]]


def _effect(switch: Switch, metric: str, line: str, right: float, switched: float) -> Effect:
    about = {"switch": str(switch), "metric": metric, "seed": OVER_SEEDS, "cell_type": line}
    return {**about, "right": right, "switched": switched}
