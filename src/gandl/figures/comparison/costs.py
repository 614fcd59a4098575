"""What the trainings cost: wall time and memory of each paradigm with one crop and with several, beside the paper's hours.

Takes the benchmarks of the training jobs, their curves and the paper's values; makes comparison_table_1 (Dmitrenko et al. 2022,
Table 1), a page and a CSV.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT, html as markup

from gandl.config import FiguresSettings
from gandl.config.comparison_terms import Beyond, parts_of
from gandl.figures.common.labels import fixed, number
from gandl.figures.common.style import FigureError, write_csv
from gandl.figures.comparison.setups import BEYOND, NOT_IN_PAPER, PARADIGMS, runs_of
from gandl.figures.comparison.terms import PAPER
from gandl.tables import CURVE, read_table
from gandl.tables.printed import printed_in
from gandl.workflow.files import atomic
from gandl.workflow.machines.hardware import hardware

ONE, SEVERAL = "one_crop", "multi_crop"
CROPS = {ONE: "One crop", SEVERAL: "Multi-crop (five crops)", "": NOT_IN_PAPER}
HOURS = "training_hours"
COLUMNS = [
    *(
        "crops",
        "paradigm",
        "label",
        "trainings",
        "seeds",
        "seconds",
        "seconds_least",
        "seconds_most",
        "ratio",
        "images",
    ),
    *("ms_per_image", "peak_mib", "peak_mib_most", "paper_hours", "paper_ratio"),
]
MISSING = "–"


def write_costs(
    benchmarks: Sequence[Path],
    reference: Path,
    *,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    curves: Sequence[Path] = (),
    dino_as_byol: bool = False,
    word: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    benchmarks : of the training of each setup and seed, as Snakemake writes them: JSON lines with `s` (seconds) and `max_rss`
        (MiB; of jobs too short to be measured it is missing). Of a training that was resumed, all lines are added.
    reference : `resources/paper_values.csv`.
    curves : training curves (`gandl.tables.CURVE`) of the same, from which the number of tiles shown is taken.
    dino_as_byol : whether DINO is shown as many tiles as BYOL's compute allows.
    word : such as "simulated"; it stands in the title and a column of the CSV.
    html, csv : files to write; the CSV has the columns `COLUMNS` and the machine.

    Raises
    ------
    FigureError : a file is absent, names no setup, or is no benchmark.
    """
    data = cost_table(benchmarks, reference, curves)
    where = machine()
    page = table_page(data, settings, where, dino_as_byol=dino_as_byol, word=word)
    with atomic(Path(html)) as partial:
        partial.write_text(page, encoding="utf-8")
    data = data.assign(machine=where)
    write_csv(data.assign(images_are=word) if word else data, csv)


def cost_table(benchmarks: Sequence[Path], reference: Path, curves: Sequence[Path] = ()) -> pd.DataFrame:
    """The table with `COLUMNS`: over the trainings of a paradigm with one crop, or several (with and without augmentation, and
    all seeds), the mean and the least and most; `ratio` to the fastest paradigm of the same crops."""
    rows = [
        {"setup": run.setup, "seed": run.seed, **benchmark(path)}
        for run, path in runs_of(benchmarks, "benchmark").items()
    ]
    table = pd.DataFrame(rows)
    shown = {
        (run.setup, run.seed): images_of(path) for run, path in (runs_of(curves, "curve") if curves else {}).items()
    }
    table["images"] = [shown.get(key, np.nan) for key in table[["setup", "seed"]].itertuples(index=False, name=None)]
    table = table.join(pd.DataFrame([_place(setup) for setup in table["setup"]], columns=["crops", "paradigm"]))
    known = printed_in(reference, PAPER).query("metric == @HOURS").set_index(["split", "featurizer"])["value"]
    found = []
    for (crops, paradigm), mine in table.groupby(["crops", "paradigm"], sort=False):
        found.append(_cost(str(crops), str(paradigm), mine) | {"paper_hours": known.get((crops, paradigm), np.nan)})
    data = pd.DataFrame(found)
    data["ratio"] = data["seconds"] / data.groupby("crops")["seconds"].transform("min")
    data["paper_ratio"] = data["paper_hours"] / data.groupby("crops")["paper_hours"].transform("min")
    order = [(crops, paradigm) for crops in CROPS for paradigm in (*PARADIGMS, *BEYOND)]
    data["place"] = [order.index(key) for key in data[["crops", "paradigm"]].itertuples(index=False, name=None)]
    return data.sort_values("place", ignore_index=True)[COLUMNS]


def _cost(crops: str, paradigm: str, mine: pd.DataFrame) -> dict[str, Any]:
    return {
        "crops": crops,
        "paradigm": paradigm,
        "label": (PARADIGMS | BEYOND)[paradigm],  # type: ignore[index]
        "trainings": len(mine),
        "seeds": mine["seed"].nunique(),
        "seconds": mine["seconds"].mean(),
        "seconds_least": mine["seconds"].min(),
        "seconds_most": mine["seconds"].max(),
        "images": mine["images"].mean(),
        "ms_per_image": 1000 * (mine["seconds"] / mine["images"]).mean(),
        "peak_mib": mine["peak_mib"].mean(),
        "peak_mib_most": mine["peak_mib"].max(),
    }


def _place(setup: str) -> tuple[str, str]:
    """Crops and paradigm of a setup; what is beyond the paper has no crops."""
    parts = parts_of(setup)
    if isinstance(parts, Beyond):
        return "", parts.value
    return SEVERAL if parts[1].multi_crop else ONE, parts[0].value


def benchmark(path: Path) -> dict[str, float]:
    """Seconds and peak memory (MiB) of a job, all its starts together."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        seconds = [float(line["s"]) for line in lines]
        peaks = [float(line["max_rss"]) for line in lines if isinstance(line.get("max_rss"), int | float)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FigureError(f"{path} is no benchmark of Snakemake (JSON lines with s): {error}") from error
    if not seconds:
        raise FigureError(f"{path} is an empty benchmark: delete it and train the setup again")
    return {"seconds": sum(seconds), "peak_mib": max(peaks, default=np.nan)}


def images_of(curve: Path) -> float:
    """Tiles that a training has shown to its network, those that it saw twice counted twice."""
    return float(read_table(curve, CURVE)["images"].max())


def machine() -> str:
    """This machine: processor and cores, or its GPUs."""
    found = hardware()
    return ", ".join(found["gpus"]) if found["gpus"] else f"{found['cores']} cores of {found['cpu']}, no GPU"


def table_page(
    data: pd.DataFrame, settings: FiguresSettings, where: str, *, dino_as_byol: bool = False, word: str = ""
) -> str:
    """A whole HTML page of the table."""
    wide = cells(data)
    columns = list(wide.columns[2:])
    title = f"Table 1 of the comparison: time and memory of training{f', {word}' if word else ''}"
    table = (
        GT(wide, rowname_col="label", groupname_col="block", id="comparison_table_1")
        .tab_header(title=title)
        .tab_stubhead(label="Paradigm")
        .tab_spanner(label="This run", columns=columns[:-2])
        .tab_spanner(label="Paper", columns=columns[-2:])
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_source_note(markup(_note(data, where, dino_as_byol, word)))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="4px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html(make_page=True))


def cells(data: pd.DataFrame) -> pd.DataFrame:
    """The text of every cell, a row per paradigm and crops, in blocks."""
    rows = []
    for row in data.to_dict("records"):
        several = row["trainings"] > 1
        span = f"<br><small>{time(row['seconds_least'])} to {time(row['seconds_most'])}</small>" if several else ""
        memory = MISSING if np.isnan(row["peak_mib"]) else f"{number(row['peak_mib_most'] / 1024)} GiB"
        rows.append(
            {
                "block": CROPS[row["crops"]],
                "label": row["label"],
                "Wall time": f"{time(row['seconds'])}{span}",
                "Ratio to the fastest": f"{fixed(row['ratio'], 1)}",
                "Tiles shown": MISSING if np.isnan(row["images"]) else f"{row['images']:,.0f}",
                "Time per tile": MISSING if np.isnan(row["ms_per_image"]) else f"{number(row['ms_per_image'])} ms",
                "Peak memory": memory,
                "Trainings": f"n = {row['trainings']}",
                "Hours": MISSING if np.isnan(row["paper_hours"]) else f"{row['paper_hours']:g} h",
                "Ratio": MISSING if np.isnan(row["paper_ratio"]) else fixed(row["paper_ratio"], 1),
            }
        )
    return pd.DataFrame(rows)


def time(seconds: float) -> str:
    """Hours from one hour on, else minutes or seconds, three digits: 2.50 h, 4.20 min, 31.0 s."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{number(seconds / length)} {unit}"
    return f"{number(seconds)} s"


def _note(data: pd.DataFrame, where: str, dino_as_byol: bool, word: str) -> str:
    said = (
        "This run: wall time of the training job, mean and range over its trainings (seeds, with and without augmentation); "
        f"peak memory: most resident main memory of any of them. On {where}. Paper: 770,000 images, 50 epochs (self-supervised: "
        "stopped after 16 with one crop, 7 with several), one GPU of 6 GB, of which single crops took 4.3 GB and multi-crops "
        "4.7 GB. Hours of different machines and numbers of images are not comparable; ratios within a block are, provided "
        "equally many tiles were shown."
    )
    if dino_as_byol and (data["paradigm"] == Beyond.DINO.value).any():
        said += " DINO has as many passes of the encoder as BYOL with five crops."
    return said + (f" Trained on <b>{word}</b> images." if word else "")
