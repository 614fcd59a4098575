"""What each defect of the published code does to the numbers: takes a finished comparison, writes a table of `docs/decisions.md`.

`python docs/switches.py results/comparison config/comparison.yaml` rewrites it between its marks: no number of it is typed.
Heads are trained anew on the codes of one setting of each paradigm, with each switch. What switches do to trainings is read
from runs that were made with one of them each (`comparison.faithful: [fast_average]`, `run: comparison-fast_average`).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from gandl.config.comparison_terms import Paradigm, Setting, Switch, setups
from gandl.config.files import read_config
from gandl.evaluation.comparison.switches import BY_OTHER_RUNS, OF_HEAD, Run, write_switches
from gandl.workflow.words import between

DECISIONS = Path(__file__).resolve().parent / "decisions.md"
START, END = "<!-- the table below is made by docs/switches.py -->", "<!-- end of the table of switches -->"
WHAT = {
    Switch.DETACHED_REGULARIZER: "the classifier's loss reaches the regularised encoder as a number, without a gradient",
    Switch.LINEAR_HEAD: "the head's leaky ReLU has slope 1, so that the head is linear",
    Switch.DOUBLE_SOFTMAX: "cross-entropy is taken of probabilities as if they were logits",
    Switch.UNNORMALIZED_CODES: "BYOL sees standardised tiles in training, and others when it embeds",
    Switch.BATCH_AUGMENTATION: "one random crop, flip and blur for a whole batch of BYOL's views",
    Switch.FAST_AVERAGE: "BYOL's target follows with a decay of 0.8",
    Switch.HARD_AUC: "ROC AUC of answers (0 or 1) instead of scores",
    Switch.TEST_SELECTION: "grid points go on from one another, and the best on the test part is reported",
    Switch.TILE_SPLIT: "tiles of one well are trained on and tested (without a run of its own: by the head alone)",
    Switch.MAD_OF_SCALAR: "the median absolute deviation of d is taken of one number",
    Switch.RECALL_AS_PRECISION: "the training curve's precision is its recall; no number of the tables changes",
    Switch.SINGLE_SEED: "every setup is trained once",
}
NO_EFFECT = (Switch.RECALL_AS_PRECISION,)
"""Switches without a number in the tables."""


def lines_of(effects: pd.DataFrame) -> Iterator[str]:
    """The rows of the table: by switch and metric, medians over setups, seeds and cell lines, and the change setup by setup."""
    yield "| switch | what it does | metric | right | with the switch | change (least and largest of a setup) | setups |"
    yield "|---|---|---|---|---|---|---|"
    for switch, what in WHAT.items():
        mine = effects[effects["switch"] == switch].dropna(subset=["right", "switched"])
        if mine.empty:
            yield f"| `{switch}` | {what} | | | {'no number' if switch in NO_EFFECT else 'not run'} | | |"
        for metric, of in mine.groupby("metric", sort=False):
            change = (of["switched"] - of["right"]).groupby(of["setup"]).mean()
            yield (
                f"| `{switch}` | {what} | {metric} | {of['right'].median():.3f} | {of['switched'].median():.3f} "
                f"| {(of['switched'] - of['right']).median():+.3f} ({change.min():+.3f} to {change.max():+.3f}) "
                f"| {len(change)} |"
            )


def not_run(effects: pd.DataFrame) -> list[str]:
    """Switches of trainings that no run tells of."""
    of_runs = effects[effects["metric"].str.endswith(", trained with it") | ~effects["switch"].isin(OF_HEAD)]
    return [switch for switch in BY_OTHER_RUNS if switch not in set(of_runs["switch"])]


def section_of(effects: pd.DataFrame) -> str:
    """The table with what it rests on."""
    named = setups_of(effects)
    missing = not_run(effects)
    note = (
        f"Of {', '.join(named)}, where a switch touches them: medians over setups, seeds and cell lines; the change is the "
        "median of differences paired by setup and seed."
    )
    told = f"Without a run that was trained with it: {', '.join(f'`{name}`' for name in missing)}." if missing else ""
    return "\n".join([*lines_of(effects), "", note, *([told] if told else [])])


def setups_of(effects: pd.DataFrame) -> list[str]:
    """The setups of the table, in the order of the paper."""
    return [name for name in setups() if name in set(effects["setup"])]


def effects_of(results: Path, config: Path, asked: Sequence[str] = ()) -> pd.DataFrame:
    """What all switches do to a finished comparison; `asked`: setups, else one of each paradigm."""
    cfg = read_config(config)
    comparison = cfg.comparison
    if comparison is None:
        raise SystemExit(f"{config} has no section comparison: take config/comparison.yaml")
    names = list(asked) or setups(tuple(Paradigm), (Setting.AUG_ONE_CROP,), ())
    seeds = list(comparison.seeds)
    others = {switch: results.with_name(f"{results.name}-{switch}") for switch in BY_OTHER_RUNS}
    made = {switch: Run.at(folder, names, seeds) for switch, folder in others.items() if folder.is_dir()}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "effects.parquet"
        given = {"setups": names, "seeds": seeds, "seed": cfg.seed}
        write_switches(Run.at(results, names, seeds), made, output, comparison.tasks, **given)
        return pd.read_parquet(output)


def rewritten(page: str, section: str) -> str:
    """A page with the section between its marks."""
    return between(page, START, END, section)


if __name__ == "__main__":
    found = section_of(effects_of(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
    DECISIONS.write_text(rewritten(DECISIONS.read_text(encoding="utf-8"), found), encoding="utf-8", newline="\n")
