"""Small tables as evaluation and models write them, for the tests of figures: from a formula and a seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from gandl.evaluation.terms import TREATMENTS
from gandl.figures.dose_response import DoseResponse
from gandl.figures.training.counterparts import Training
from gandl.models.folds.terms import FOLD_CURVES
from gandl.tables import CURVE, NUMBERS, RECOGNITION, WELL_SCORES, write_table
from table_rows import number_row, well_row

ROWS = "ABCDEFGH"
SERIES = {"Wortmannin": ("ABCD", 0.25, 0.012), "LY294002": ("EFGH", 80.0, 4.0)}
"""Treatment: plate rows, highest of nine halving doses (um), EC50 (um)."""
POSITIVE = {*(f"{row}01" for row in "EFGH"), *(f"{row}12" for row in "ABCD")}


def hill(dose: np.ndarray | float, ec50: float) -> np.ndarray | float:
    return -1 + 2 / (1 + (ec50 / dose) ** 1.5)


def score_table(seed: int = 0, noise: float = 0.12) -> pd.DataFrame:
    """The 96 wells of BBBC013 with on and off scores of a well-behaved featurizer."""
    rng = np.random.default_rng(seed)
    rows = []
    for row in ROWS:
        for column in range(1, 13):
            well = f"{row}{column:02d}"
            treatment = dose = None
            control, on = "none", -1.0
            if well in POSITIVE:
                control, treatment, dose, on = "positive", "Wortmannin", 0.15, 1.0
            elif column in (1, 2, 12):
                control = "negative"
            else:
                treatment = next(name for name, (plate_rows, _, _) in SERIES.items() if row in plate_rows)
                _, highest, ec50 = SERIES[treatment]
                dose = highest / 2 ** (11 - column)
                on = float(hill(dose, ec50))
            about = well_row(
                "BBBC013",
                1,
                well,
                cell_type="U2OS",
                condition="treated" if treatment else "untreated",
                control=control,
                treatment=treatment,
                compound=treatment,
                concentration_um=dose,
            )
            rows.append(
                about
                | {
                    "scheme": "leave_row_out",
                    "fold": row,
                    "on": on + noise * rng.standard_normal(),
                    "off": 0.5 * rng.standard_normal(),
                    "off_norm": float(rng.chisquare(5)),
                    "on_lda": on,
                }
            )
    table = pd.DataFrame(rows)
    table["concentration_um"] = table["concentration_um"].astype(float)
    return table


def write_scores(folder: Path, seed: int = 0, noise: float = 0.12) -> Path:
    path = folder / "scores.parquet"
    write_table(score_table(seed, noise), path, WELL_SCORES)
    return path


def write_dose_response(folder: Path, featurizer: str, seed: int = 0, noise: float = 0.12) -> DoseResponse:
    """Points, curves and numbers that belong together; LY294002's EC50 is missing for `intensity`."""
    files = DoseResponse(
        *(folder / f"{name}.parquet" for name in ("numbers", "curves", "points")), write_scores(folder, seed, noise)
    )
    scores = score_table(seed, noise)
    wells = scores[(scores["control"] == "none") & scores["treatment"].notna()]
    wells[["cell_type", "treatment", "concentration_um", "well_id", "on"]].to_parquet(files.points, index=False)
    curves, numbers = [], []
    for treatment, (_, highest, ec50) in SERIES.items():
        dose = np.geomspace(highest / 256, highest, 60)
        fit = hill(dose, ec50)
        curves.append(
            pd.DataFrame(
                {"treatment": treatment, "concentration_um": dose, "fit": fit, "low": fit - 0.1, "high": fit + 0.12}
            ).assign(cell_type="U2OS")
        )
        absent = featurizer == "intensity" and treatment == "LY294002"
        value, low, high = (np.nan,) * 3 if absent else (ec50, ec50 / 1.3, ec50 * 1.4)
        numbers.append(
            number_row(
                question="dose_response",
                featurizer=featurizer,
                split=f"leave_row_out:{treatment}",
                metric="ec50_um",
                value=value,
                low=low,
                high=high,
                n=36,
            )
        )
    pd.concat(curves).to_parquet(files.curves, index=False)
    write_table(pd.DataFrame(numbers), files.numbers, NUMBERS)
    return files


def write_curve(path: Path, seed: int = 0) -> Path:
    """A training curve of 20,000 images in 80 ticks, with eight probes."""
    rng = np.random.default_rng(seed)
    rows = []
    for tick in range(1, 81):
        images = 250 * tick
        values = {
            "loss_generator": 0.8 + 0.2 * rng.random(),
            "loss_discriminator": 1.3 + 0.1 * rng.random(),
            "real_logit": 0.4 + 0.2 * rng.random(),
            "fake_logit": -0.4 - 0.2 * rng.random(),
            "r1": 0.02 * np.exp(rng.normal()),
            "path_length_penalty": 0.3 * np.exp(rng.normal()),
            "images_per_second": 40.0,
        }
        if tick % 10 == 0:
            values["probe_z_prime"] = 0.6 * tick / 80 - 0.1 + 0.05 * rng.standard_normal()
        rows += [
            {"images": images, "step": images // 16, "metric": name, "value": value} for name, value in values.items()
        ]
    write_table(pd.DataFrame(rows), path, CURVE)
    return path


def write_training(folder: Path, metrics: Mapping[str, float], looks: Mapping[str, float], best: int) -> Training:
    """A training of 8,000 images: `metrics` at 40 ticks and `looks` at four, about these values; weights after `best` images."""
    rows = []
    for tick in range(1, 41):
        values = {**metrics, **(looks if tick % 10 == 0 else {})}
        rows += [(200 * tick, 25 * tick, name, value * (1 + 1 / tick)) for name, value in values.items()]
    folder.mkdir(exist_ok=True)
    write_table(pd.DataFrame(rows, columns=CURVE.names), folder / "curve.parquet", CURVE)
    metadata = {"images_seen": str(best), "classes": json.dumps(list("0123456"))}
    save_file({"weight": np.zeros(1)}, folder / "weights.safetensors", metadata)
    return Training(folder / "curve.parquet", folder / "weights.safetensors")


def write_recognition(path: Path) -> Path:
    """What a baseline takes 8 held-out sites for: of five siRNAs in groups of two and of two controls."""
    rows = [
        (
            "site",
            f"s{i}",
            f"w{i}",
            "P1",
            "E1",
            control,
            "0",
            "1",
            0.5 if control else 0.2,
            "1",
            np.nan if control else 0.5,
            "1",
        )
        for i, control in enumerate([False] * 6 + [True] * 2)
    ]
    write_table(pd.DataFrame(rows, columns=RECOGNITION.names), path, RECOGNITION)
    return path


def write_fold_curves(path: Path, folds: Mapping[str, Sequence[str]], labels: int = 2) -> Path:
    """Curves of the folds of schemes, each of 640 images with four looks, the third of which is kept."""
    rows = []
    for scheme, names in folds.items():
        for number, fold in enumerate(names):
            rows += [(scheme, fold, 0, 0, "labels", float(labels), False)]
            rows += [(scheme, fold, 0, 0, "most_frequent_label", 0.6, False)]
            for look, images in enumerate((32, 80, 224, 640)):
                values = {"accuracy": 0.5 + 0.1 * look - 0.01 * number, "validation_loss": 0.8 - 0.1 * look}
                rows += [(scheme, fold, images, images // 16, *value, look == 2) for value in values.items()]
    write_table(pd.DataFrame(rows, columns=FOLD_CURVES.names), path, FOLD_CURVES)
    return path


def write_counterparts(folder: Path) -> dict[str, Any]:
    """What `draw_counterparts` takes, of a run with all counterparts and two questions."""
    of_baseline = {"accuracy": 0.3, "accuracy_arcface": 0.2, "accuracy_in_groups": 0.4}
    losses = {"loss_softmax": 2.0, "loss_arcface": 12.0}
    of_conv_ae = {"loss_reconstruction": 0.1, "loss_perceptual": 1.0, "real_spread": 0.2, "reconstruction_spread": 0.1}
    plates = {"quarter": ["all"], "leave_plate_out": ["HRCE-1_1", "HRCE-1_2"]}
    questions = {"controls": plates, "cell_model": {"quarter": ["all"]}}
    return {
        "trainings": {
            "densenet161_arcface": write_training(folder / "baseline", losses, {**of_baseline, "quality": 1.5}, 6000),
            "conv_ae": write_training(folder / "conv_ae", of_conv_ae, {"quality": 0.5}, 8000),
        },
        "recognition": [write_recognition(folder / "recognition.parquet")],
        "folds": [write_fold_curves(folder / f"{name}.parquet", folds) for name, folds in questions.items()],
        "questions": list(questions),
    }


def write_samples(
    path: Path, crops: int = 8, side: int = 64, pixel_size_um: float = float("nan"), seed: int = 0
) -> Path:
    """Bright discs on a dark ground as `real` and `fake`, two channels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    images = np.full((2 * crops, 2, side, side), -0.9, np.float32)
    for image in images:
        for _ in range(5):
            cy, cx = rng.uniform(0, side, 2)
            distance = np.hypot(y - cy, x - cx)
            image[0] += 0.7 * np.exp(-((distance / 9) ** 2))
            image[1] += 1.2 * (distance < 5)
    images += 0.03 * rng.standard_normal(images.shape, dtype=np.float32)
    with path.open("wb") as file:
        np.savez(
            file,
            real=images[:crops],
            fake=images[crops:],
            channels=np.array(["fkhr_gfp", "dna"]),
            pixel_size_um=pixel_size_um,
        )
    return path


def outputs(folder: Path, name: str) -> dict[str, Path]:
    """The three files of a figure."""
    return {kind: folder / f"{name}.{kind}" for kind in ("svg", "png", "csv")}


CONTROLS_METRICS = {"z_prime": 0.6, "robust_z_prime": 0.55, "ssmd": 9.0, "accuracy": 0.98}


def splits_of(scheme: str) -> list[tuple[str, str, float]]:
    """Splits that evaluation writes for a scheme, each with how much worse it is here."""
    confirmation = [("confirmation", "E-H", 2.0)] if scheme == "leave_row_out" else []
    return [(scheme, "A-H", 0.0), (scheme, "A-D", -1.0), (scheme, "E-H", 1.0), *confirmation]


def write_controls(path: Path, featurizer: str, shift: float = 0.0, normalization: str = "unlabelled") -> Path:
    """Numbers of the controls over all rows and parts of them; `segmentation` also has its plain nuclear-over-ring column."""
    schemes = {featurizer: "leave_row_out"}
    if featurizer == "segmentation":
        schemes["nuclear_over_ring"] = "no_training"
    rows = [
        number_row(
            featurizer=name,
            normalization=normalization if name == featurizer else "none",
            split=f"{scheme}:{plate_rows}",
            metric=metric,
            value=value - shift - 0.05 * late,
            low=value - shift - 0.2,
            high=value - shift + 0.1,
            n=24 if plate_rows == "A-H" else 12,
        )
        for name, base in schemes.items()
        for scheme, plate_rows, late in splits_of(base)
        for metric, value in CONTROLS_METRICS.items()
    ]
    write_table(pd.DataFrame(rows), path, NUMBERS)
    return path


def write_reference(path: Path) -> Path:
    """Reference values of two screens; BBBC013's controls have Z' 0.68 (accepted from 0.6) and SSMD 10.2."""
    columns = ("dataset", "question", "featurizer", "split", "metric", "low", "value", "high")
    rows = [
        ("bbbc013", "controls", "nuclear_over_ring", "no_training:A-H", "z_prime", 0.6, 0.68, 1.0),
        ("bbbc013", "controls", "nuclear_over_ring", "no_training:A-H", "ssmd", None, 10.2, None),
        ("bbbc013", "controls", "gandl_blocks", "leave_row_out:A-H", "z_prime", 0.68, 0.7, 1.0),
        ("bbbc013", "dose_response", "gandl_blocks", "leave_row_out:Wortmannin", "ec50_um", None, None, None),
        ("other", "controls", "nuclear_over_ring", "no_training:A-H", "z_prime", None, 0.1, None),
    ]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def treatments_table(
    treatments: int, doses: int = 1, wells: int = 3, cell_types: tuple[str, ...] = ("unknown",), seed: int = 0
) -> pd.DataFrame:
    """Made-up rows of `evaluation.terms.TREATMENTS`: a fifth of the treatments move towards C+, a tenth away from it."""
    rng = np.random.default_rng(seed)
    parts = []
    for cell_type in cell_types:
        rows = [
            treatment_row(kind, None, np.nan, mean, 0.1, wells=n, band_low=mean - 0.6, band_high=mean + 0.6)
            for kind, mean, n in (("positive", 0.95, 16), ("negative", -0.95, 32))
        ]
        for i in range(treatments):
            top = 2.2 if i % 5 == 0 else -1.6 if i % 10 == 3 else 0.0
            for dose in range(doses):
                share = (dose + 1) / doses
                mean = -0.95 + top * share**2 + rng.normal(0, 0.25)
                concentration = 10.0 / 3 ** (doses - 1 - dose)
                p = float(np.exp(-8 * abs(mean + 0.95)))
                changes = {"difference": mean + 0.95, "p": p, "q": min(1.0, 2 * p), "differs": 2 * p <= 0.05}
                rows.append(
                    treatment_row(
                        "treatment", f"compound {i + 1:03d}", concentration, mean, 0.45, wells=wells, **changes
                    )
                )
        parts.append(pd.DataFrame(rows).assign(cell_type=cell_type))
    return pd.concat(parts, ignore_index=True)[TREATMENTS.names]


def treatment_row(
    kind: str, treatment: str | None, dose: float, mean: float, half: float, **changes: object
) -> dict[str, object]:
    values: dict[str, object] = {
        "featurizer": "gandl_blocks",
        "normalization": "unlabelled",
        "scheme": "leave_plate_out",
        "kind": kind,
        "treatment": treatment,
        "concentration_um": dose,
        "wells": 3,
        "plates": 3,
        "mean": mean,
        "low": mean - half,
        "high": mean + half,
        "interval": "own wells"
        if kind != "treatment"
        else "negative controls"
        if changes.get("wells") == 1
        else "replicates",
        **dict.fromkeys(("band_low", "band_high", "difference", "p", "q"), np.nan),
        "differs": False,
        "plates_without_negative": None,
    }
    return values | changes


def write_treatments(path: Path, table: pd.DataFrame) -> Path:
    write_table(table, path, TREATMENTS)
    return path
