"""The README's findings: takes the folder of a finished default run, writes the section between two marks of `README.md`.

`python docs/findings.py results/simulated` rewrites it, so that no number of it is typed. Where a number is absent, a KeyError
names it and the README stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from gandl.workflow.words import between

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- the findings below are made by docs/findings.py -->", "<!-- end of the findings -->"
ROWS = {
    "gandl": "512-d layer",
    "gandl_blocks": "all blocks",
    "gandl_untrained": "untrained network of the same shape, all blocks",
    "intensity": "channel intensities",
    "segmentation": "segmentation, designed to find nuclei",
    "cell_measurements": "CellProfiler's measurements of the same cells",
}
BY_IMAGE = {
    "gandl": "GAN-DL's 512-d layer",
    "gandl_blocks": "all its blocks",
    "imagenet_concatenated": "EfficientNet-Lite0 with its ImageNet weights, each channel alone (ImageNet-concatenated)",
}
METHOD = "unlabelled"
NONE_ABOVE = "- No featurizer is above "


def row(run: Path, question: str, featurizer: str, split: str, unit: str, metric: str) -> pd.Series:
    """The one row of a question's numbers; KeyError names what is absent."""
    method = "none" if question == "cell_type" else METHOD
    table = pd.read_parquet(run / f"evaluation/{question}/{featurizer}.{method}.parquet")
    found = table[(table["split"] == split) & (table["unit"] == unit) & (table["metric"] == metric)]
    if len(found) != 1:
        raise KeyError(f"{question}, {featurizer}, {split}, {unit}, {metric}: {len(found)} rows")
    return found.iloc[0]


def number(of: pd.Series) -> str:
    """A value with its interval, where it has one."""
    interval = "" if pd.isna(of["low"]) else f" [{of['low']:.2f}, {of['high']:.2f}]"
    return f"{of['value']:.2f}{interval}"


def percent(of: pd.Series) -> str:
    """A share with its interval."""
    return f"{100 * of['value']:.0f} % [{100 * of['low']:.0f}, {100 * of['high']:.0f}]"


def table(run: Path) -> list[str]:
    """Lines of the table: GAN-DL and its floors by three measures."""
    lines = [
        "| simulated RxRx19a (HRCE / VERO), RxRx1 | AUC of C+ over C−, by well, whole plates left out "
        "| rank correlation with the true severity, all wells "
        "| cell type of RxRx1, zero-shot, by well, whole experiments left out |",
        "|---|---|---|---|",
    ]
    for featurizer, name in ROWS.items():
        pairs = [
            " / ".join(
                number(row(run, question, featurizer, f"leave_plate_out:{cells}", "well", metric))
                for cells in ("HRCE", "VERO")
            )
            for question, metric in (("controls", "auc"), ("calibration", "spearman_severity"))
        ]
        cell_type = number(row(run, "cell_type", featurizer, "leave_experiment_out:all", "well", "accuracy"))
        lines.append(f"| {name} | {pairs[0]} | {pairs[1]} | {cell_type} |")
    return lines


def findings(run: Path) -> str:
    """The section, in Markdown."""
    made = json.loads((run / "report/provenance.json").read_text(encoding="utf-8"))
    training = made["configuration"]["training"]
    curve = pd.read_parquet(run / f"models/gandl/seed_{training['seed']}/curve.parquet").sort_values("images")
    last = curve.groupby("metric")["value"].last()
    recognised = [
        " and ".join(
            percent(row(run, question, featurizer, "quarter:all", "site", "accuracy"))
            for question in ("controls", "cell_type")
        )
        + f" by {name}"
        for featurizer, name in BY_IMAGE.items()
    ]
    summary = (run / "report/summary.txt").read_text(encoding="utf-8").splitlines()
    above = [line.removeprefix("- ") for line in summary if line.startswith(NONE_ABOVE)]
    word = "**simulated** cells" if made["simulated"] else "real cells"
    return "\n".join(
        [
            f"From a default run of commit {made['git']['commit'][:7]} (seed {training['seed']}, {training['images']:,} "
            f"images shown; {word}; axes by the paper's linear SVM,",
            "fitted on controls of other plates; intervals of 95 % that refit these axes without each plate in turn, or draw "
            "wells or experiments):",
            "",
            *table(run),
            "",
            f"Its generator draws {last['nuclei_per_crop']:.1f} nuclei per crop where real crops have "
            f"{last['nuclei_per_crop_real']:.1f}, of a median area of {last['nuclear_area']:.0f} px "
            f"(real ones {last['nuclear_area_real']:.0f} px).",
            "",
            "The counterparts are trained and embedded in the same run (Table 1, `figure_featurizers`). By image, a quarter of "
            "the wells held out as in the paper,",
            f"C+ and the cell types of RxRx1 are recognised in {'; '.join(recognised)}.",
            "The run's `summary.txt` says which featurizers are above or below which floors, paired on the same wells. "
            + " ".join(above),
        ]
    )


def rewritten(page: str, section: str) -> str:
    """A page with the section between its marks."""
    return between(page, START, END, section)


if __name__ == "__main__":
    README.write_text(
        rewritten(README.read_text(encoding="utf-8"), findings(Path(sys.argv[1]))), encoding="utf-8", newline="\n"
    )
