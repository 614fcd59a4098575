"""A small screen as the explorer reads it: three plates of 6 x 8 wells, two cell types, three featurizers, images of 96 px."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gandl.evaluation.dose_response import CURVE_COLUMNS
from gandl.evaluation.terms import COMPOUNDS
from gandl.explorer import page as explorer_page
from gandl.explorer.answers import Answers
from gandl.explorer.page import About
from gandl.explorer.thumbnails import write_thumbnails
from gandl.tables import SITES, WELL_PROFILES, WELL_SCORES, write_table
from plates import tiny_plan, tiny_store
from table_rows import compound_row, site_row

PLATES = (("HRCE-1", 1), ("HRCE-1", 2), ("VERO-1", 1))
ROWS, COLUMNS = "ABCDEF", range(1, 9)
DOSES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
COMPOUND_OF_ROW = {
    "A": "Remdesivir",
    "B": "Remdesivir",
    "C": "GS-441524 (simulated)",
    "D": "GS-441524 (simulated)",
    "E": '<i>Aspirin</i>, "acid"',
}
EC50 = {"Remdesivir": 0.1}
BOTTOM, TOP = -0.75, 1.0
HALFWAY = (BOTTOM + TOP) / 2
FEATURIZERS = ("gandl", "intensity", "imagenet_collapsed")
ABOUT = About("small", "rxrx19a", "simulated", "gandl", "unlabelled", 0.95, 0.05)


def site_table() -> pd.DataFrame:
    """Column 1 is Mock, column 2 infected, the others hold six doses; row F got nothing. One well has no dose."""
    rows = []
    for experiment, plate in PLATES:
        for row in ROWS:
            for column in COLUMNS:
                changes: dict[str, object] = {"condition": "mock" if column == 1 else "infected"}
                compound = COMPOUND_OF_ROW.get(row)
                if column <= 2:
                    changes["control"] = "positive" if column == 1 else "negative"
                elif compound:
                    changes |= {"treatment": compound, "compound": compound, "concentration_um": DOSES[column - 3]}
                rows.append(site_row(experiment, plate, f"{row}{column:02d}", **changes))  # type: ignore[arg-type]
    return pd.DataFrame(rows).astype({"concentration_um": float})


def score_table(sites: pd.DataFrame, question: str, shift: float = 0.0) -> pd.DataFrame:
    """Scores without noise but for a different off score in every well."""
    dose = sites["concentration_um"].fillna(1e-9).to_numpy(float)
    ec50 = sites["compound"].map(EC50).fillna(1e9).to_numpy(float)
    level = sites["control"].map({"positive": 1.0, "negative": -1.0}).to_numpy(float)
    on = np.where(np.isnan(level), -1 + 2 / (1 + ec50 / dose), level) + shift
    if question == "cell_model":
        on = np.where(sites["cell_type"] == "HRCE", 1.0, -1.0)
    off = np.linspace(-1, 1, len(sites))
    wells = sites.drop(columns=["site_id", "site"])
    return wells.assign(scheme="leave_plate_out", fold=wells["plate_id"], on=on, off=off, off_norm=1.0, on_lda=on)


def compound_table(sites: pd.DataFrame) -> pd.DataFrame:
    """Remdesivir is a hit in both cell types; GS-441524 is flagged."""
    pairs = sites.loc[sites["compound"].notna(), ["cell_type", "compound"]].drop_duplicates()
    rows = []
    for cell_type, compound in pairs.itertuples(index=False, name=None):
        hit = compound == "Remdesivir"
        rows.append(
            compound_row(
                compound,
                cell_type=cell_type,
                wells=12 if cell_type == "VERO" else 24,
                hit=hit,
                efficacy=0.95 if hit else -0.9,
                q=0.001 if hit else 0.8,
                ec50_um=EC50.get(compound, np.nan),
                ec50_low_um=0.07 if hit else np.nan,
                ec50_high_um=0.15 if hit else np.nan,
                bottom=BOTTOM if hit else np.nan,
                top=TOP if hit else np.nan,
                flags="falling|one_replicate" if compound.startswith("GS-441524") else None,
                no_curve=None if hit else "a constant fits as well",
            )
        )
    return pd.DataFrame(rows)[COMPOUNDS.names]


def curve_table(compounds: pd.DataFrame) -> pd.DataFrame:
    """A curve with a band for the hits, a mean without one for the others."""
    dose = np.geomspace(DOSES[0], DOSES[-1], 120)
    parts = []
    for row in compounds.itertuples():
        fit = -1 + 2 / (1 + 0.1 / dose) if row.hit else np.full(120, -1.0)
        band = 0.1 if row.hit else np.nan
        part = {"concentration_um": dose, "fit": fit, "low": fit - band, "high": fit + band}
        parts.append(pd.DataFrame(part).assign(cell_type=row.cell_type, treatment=row.compound))
    return pd.concat(parts, ignore_index=True)[CURVE_COLUMNS]


def profile_table(sites: pd.DataFrame) -> pd.DataFrame:
    """Five features: a well is most like the same place of the other plate of its cells, then like its row."""
    rng = np.random.default_rng(0)
    of_place = {well: rng.standard_normal(5) for well in sites["well"].unique()}
    features = np.stack([of_place[well] for well in sites["well"]]) + 0.01 * rng.standard_normal((len(sites), 5))
    named = pd.DataFrame(features.astype(np.float32), columns=[f"feature_{k}" for k in range(5)])
    return pd.concat([sites.drop(columns=["site_id", "site"]), named], axis=1)


def write_answers(folder: Path) -> dict[str, Answers]:
    """The tables of all featurizers, and the sites table."""
    sites = site_table()
    write_table(sites, folder / "sites.parquet", SITES)
    compounds = compound_table(sites)
    answers = {}
    for number, name in enumerate(FEATURIZERS):
        kinds = ["scores", "cell_model", "compounds", "curves", "profiles"]
        files = {kind: folder / f"{name}.{kind}.parquet" for kind in kinds}
        for question in ("scores", "cell_model"):
            write_table(score_table(sites, question, shift=0.1 * number), files[question], WELL_SCORES)
        write_table(
            compounds.assign(featurizer=name, hit=compounds["hit"] & (number == 0)), files["compounds"], COMPOUNDS
        )
        curve_table(compounds).to_parquet(files["curves"], index=False)
        if name == "imagenet_collapsed":
            del files["profiles"], files["curves"]
        else:
            write_table(profile_table(sites), files["profiles"], WELL_PROFILES)
        answers[name] = Answers(**files)
    return answers


def write_sheets(folder: Path, side: int = 96) -> Path:
    """A store per plate, and the sheets made from them; the index."""
    sites = site_table()
    stores, sheets = [], []
    for plate_id, mine in sites.groupby("plate_id", sort=False):
        plan = tiny_plan(
            store_id=str(plate_id),
            site_ids=tuple(mine["site_id"]),
            well_ids=tuple(mine["well_id"]),
            height=side,
            width=side,
            resolutions=(side,),
        )
        stores.append(tiny_store(folder, plan).with_suffix(".manifest.json"))
        sheets.append(folder / "explorer" / f"{plate_id}.jpg")
    index = folder / "explorer" / "thumbnails.json"
    write_thumbnails(stores, folder / "sites.parquet", sheets=sheets, index=index, dataset="rxrx19a")
    return index


def write_page(folder: Path) -> Path:
    """The page of the whole small screen."""
    answers = write_answers(folder)
    index = write_sheets(folder)
    explorer_page.write_page(answers, folder / "sites.parquet", index, ABOUT, folder / "explorer.html")
    return folder / "explorer.html"
