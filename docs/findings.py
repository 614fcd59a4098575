"""The README's findings: takes the folder of a finished default run, writes the section between two marks of `README.md`.

`python docs/findings.py results/simulated` rewrites it, so that no number and no verdict of it is typed. Where a number or a
sentence of the run is absent, a KeyError names it and the README stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from gandl.figures.common.labels import featurizer_label, fixed, named_with, network_of
from gandl.workflow.words import between

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- the findings below are made by docs/findings.py -->", "<!-- end of the findings -->"
ROWS = {
    "gandl": "512-d layer",
    "gandl_blocks": "all blocks",
    "imagenet_concatenated": "ImageNet-concatenated: EfficientNet-Lite0 with its ImageNet weights, each channel alone",
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
SETS = "Some featurizer is above or below some floor "
"""Begins the sentence of the summary on the sets of wells on which any two featurizers are told apart."""
MEASURES = {
    ("controls", "leave_plate_out", "well", "auc"): "AUC, {}",
    ("calibration", "leave_plate_out", "well", "spearman_severity"): "rank correlation, {}",
}
"""Columns of the table that have a number per cell type."""
CELLS = ("HRCE", "VERO")
OF_TYPES = ("cell_type", "leave_experiment_out:all", "well", "accuracy")
CLAIMED, FLOOR = "gandl_blocks", "gandl_untrained"


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
            " / ".join(number(row(run, question, featurizer, f"{scheme}:{cells}", unit, metric)) for cells in CELLS)
            for question, scheme, unit, metric in MEASURES
        ]
        question, *rest = OF_TYPES
        lines.append(f"| {name} | {pairs[0]} | {pairs[1]} | {number(row(run, question, featurizer, *rest))} |")
    return lines


def against_untrained(run: Path) -> str:
    """In which columns of the table the blocks' interval lies wholly above the untrained network's, and in which below."""
    columns = {
        title.format(cells): (question, f"{scheme}:{cells}", unit, metric)
        for (question, scheme, unit, metric), title in MEASURES.items()
        for cells in CELLS
    } | {"cell type": OF_TYPES}
    above, below = [], []
    for title, (question, *rest) in columns.items():
        ours, floor = (row(run, question, name, *rest) for name in (CLAIMED, FLOOR))
        above += [title] if ours["low"] > floor["high"] else []
        below += [title] if ours["high"] < floor["low"] else []
    said = [f"above those of the untrained network in {len(above)} of {len(columns)} columns{_listed(above)}"]
    said.append(f"below in {len(below)}{_listed(below)}")
    return (
        f"By eye, column by column of the table: the intervals of {ROWS[CLAIMED]} lie wholly {', '.join(said)}; elsewhere they "
        "overlap."
    )


def _listed(titles: list[str]) -> str:
    return f" ({'; '.join(titles)})" if titles else ""


def of_table_1(run: Path) -> str:
    """Who has the highest accuracy in each task of Table 1, by image, beside GAN-DL's layer."""
    path = run / "tables/table_1.csv"
    data = pd.read_csv(path)
    ours = data[(data["source"] == "this run") & (data["unit"] == "site") & data["value"].notna()]
    said = []
    for task, mine in ours.groupby("task", sort=False):
        values = mine.groupby("featurizer", sort=False)["value"].max()
        if "gandl" not in values:
            raise KeyError(f"{path.name}, {task}: gandl by image")
        first = [featurizer_label(str(name)) for name in values.index[values == values.max()]]
        beside = "" if values["gandl"] == values.max() else f", GAN-DL's layer {fixed(values['gandl'], 2)}"
        said.append(f"{task}: {' / '.join(first)} ({fixed(values.max(), 2)}{beside})")
    return f"The highest accuracy by image in each task of Table 1: {'; '.join(said)}."


def paired(run: Path) -> list[str]:
    """What the run's summary says of GAN-DL against the floors, paired on the same wells, and of floors that nothing is above."""
    lines = (run / "report/summary.txt").read_text(encoding="utf-8").splitlines()
    names = tuple(f"- {featurizer_label(name)}: " for name in ("gandl", CLAIMED))
    said = [line.removeprefix("- ") for line in lines if line.startswith((*names, NONE_ABOVE))]
    if not said:
        raise KeyError("summary.txt: GAN-DL against floors")
    return [*said, *(SETS + rest for line in lines for _, begins, rest in [line.partition(SETS)] if begins)]


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
    wells = int(row(run, "controls", "gandl", "leave_plate_out:VERO", "well", "auc")["n"])
    with named_with(network_of(made["configuration"].get("embeddings", {}))):
        compared, highest = " ".join(paired(run)), of_table_1(run)
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
            highest,
            "",
            "Floors are featurizers that learned nothing from these images: untrained networks, counts, intensities, "
            f"measurements. {against_untrained(run)}",
            "By a test, the difference on the same wells with its own interval, corrected for all comparisons of the run, on "
            "controls and cell types alone (rank correlations",
            f"with severity are not among them), so that it can say less than the table (all are in `summary.txt`): {compared}",
            "What this does not show: that it holds for real cells (none are here); that the paper's adversarial loss alone "
            "suffices, since the default adds a contrastive task of ours",
            "([docs/decisions.md](docs/decisions.md#a-recipe-that-learns)); or that so few controls "
            f"({wells} wells in VERO) can resolve differences of a few tenths.",
        ]
    )


def rewritten(page: str, section: str) -> str:
    """A page with the section between its marks."""
    return between(page, START, END, section)


if __name__ == "__main__":
    README.write_text(
        rewritten(README.read_text(encoding="utf-8"), findings(Path(sys.argv[1]))), encoding="utf-8", newline="\n"
    )
