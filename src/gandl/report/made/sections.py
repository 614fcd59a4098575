"""Where a result stands in the paper, and what the paper says of it: for the categories and captions of Snakemake's report.

The Snakefile imports it: no heavy import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

START = "0. Start here"
DATASET = "1. Data sets (Materials and methods)"
BACKBONE = "2. The StyleGAN2 backbone (Materials and methods)"
COUNTERPARTS = "3. Counterpart embeddings (Materials and methods)"
VISUALIZING = "4. What the representation shows (Results)"
SEPARABILITY = "5. Linear separability of the controls (Results)"
DOSES = "6. Dose-response curves (Results)"
ZERO_SHOT = "7. Zero-shot representation learning (Results)"
REPRESENTATIONS = "8. Ways to learn a representation (Dmitrenko et al. 2022)"
BEYOND = "9. Beyond the paper"

SECTIONS: Mapping[str, tuple[str, str]] = {
    "audit": (START, ""),
    "explorer": (START, ""),
    "figure_1": (DATASET, "Fig. 1"),
    "figure_2": (BACKBONE, "Fig. 2"),
    "figure_samples": (BACKBONE, ""),
    "figure_training": (BACKBONE, ""),
    "figure_s_training": (BACKBONE, ""),
    "preprint_figure_7": (BACKBONE, "preprint, Fig. 7"),
    "figure_s_reconstructions": (COUNTERPARTS, ""),
    "figure_s_counterparts": (COUNTERPARTS, ""),
    "figure_3": (VISUALIZING, "Fig. 3"),
    "table_1": (SEPARABILITY, "Table 1"),
    "preprint_table_1": (SEPARABILITY, "preprint, Table 1"),
    "figure_4": (DOSES, "Fig. 4"),
    "figure_s_drugs": (DOSES, ""),
    "figure_dose_response": (DOSES, ""),
    "preprint_figure_5": (DOSES, "preprint, Fig. 5"),
    "compounds": (DOSES, ""),
    "figure_5": (ZERO_SHOT, "Fig. 5"),
    "figure_s_confusion": (ZERO_SHOT, ""),
    "preprint_figure_6": (ZERO_SHOT, "preprint, Fig. 6"),
    **{f"comparison_table_{number}": (REPRESENTATIONS, f"Dmitrenko et al., Table {number}") for number in (1, 2)},
    **{f"comparison_figure_{number}": (REPRESENTATIONS, f"Dmitrenko et al., Fig. {number}") for number in range(3, 8)},
    "comparison_figure_ranking": (REPRESENTATIONS, ""),
    "comparison_figure_truth": (REPRESENTATIONS, ""),
}
"""Result: the section of the paper (Mascolini et al. 2022) that it belongs to, and the figure or table of the paper (`preprint`:
of the preprint of 2021) that it renders; empty where it renders none."""


def section_of(name: str) -> str:
    """The category of a result in the report; what the paper has no place for stands last."""
    return SECTIONS.get(name, (BEYOND, ""))[0]


def place_of(name: str) -> str:
    """The figure or table of the paper that a result renders; empty where it renders none."""
    return SECTIONS.get(name, (BEYOND, ""))[1]


def of_paper(name: str, beside: Path) -> str:
    """One sentence for a caption: what the paper states, and what this run found.

    Parameters
    ----------
    name : the result. beside : what `report.made.beside` wrote; before it is there, the sentence says so.
    """
    try:
        said = json.loads(Path(beside).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "Beside the paper: not yet compared (report/audit.html is made when all results are)."
    place = place_of(name)
    if name in said:
        return f"{place or 'Beside references'}. {said[name]}" if place else str(said[name])
    return f"{place} of the paper, which prints no number for it that this run has." if place else "Not in the paper."
