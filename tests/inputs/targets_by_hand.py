"""What stands behind each figure and table of the default run, by hand: from what each is to show, not from the rules."""

from __future__ import annotations

EVERY = frozenset(
    {
        *("gandl", "gandl_blocks", "densenet161_arcface", "imagenet_collapsed", "imagenet_concatenated", "conv_ae"),
        *("gandl_untrained", "imagenet_untrained", "cell_count", "intensity", "segmentation", "cell_measurements"),
    }
)
PAIR = {"gandl", "densenet161_arcface"}
"""GAN-DL and the baseline, which is trained on RxRx1."""
MATRICES = {"gandl", "imagenet_collapsed", "imagenet_concatenated", "conv_ae"}
BEHIND: dict[str, tuple[set[str] | frozenset[str], set[str], set[str]]] = {
    "figure_1": (set(), set(), {"rxrx19a", "rxrx1"}),
    "figure_2": ({"gandl"}, {"scores", "dose_response", "cell_type"}, {"rxrx19a", "rxrx1"}),
    "figure_3": ({*PAIR, "gandl_blocks"}, {"scores", "cell_model"}, {"rxrx19a", "rxrx1"}),
    "figure_4": (PAIR, {"scores"}, {"rxrx19a", "rxrx1"}),
    "figure_5": (MATRICES, {"cell_type"}, {"rxrx19a", "rxrx1"}),
    "figure_samples": (set(), set(), {"rxrx19a"}),
    "figure_training": (set(), set(), {"rxrx19a"}),
    "figure_s_training": (set(), set(), {"rxrx19a"}),
    "figure_s_reconstructions": (set(), set(), {"rxrx19a"}),
    "figure_s_counterparts": (set(), set(), {"rxrx19a", "rxrx1"}),
    "figure_s_confusion": (EVERY - MATRICES, {"cell_type"}, {"rxrx19a", "rxrx1"}),
    "figure_s_drugs": ({"gandl_blocks"}, {"scores", "dose_response"}, {"rxrx19a"}),
    "figure_s_layout": ({"gandl_blocks", "cell_count"}, {"scores", "layout"}, {"rxrx19a"}),
    "figure_plate": ({"gandl_blocks"}, {"scores"}, {"rxrx19a"}),
    "figure_treatments": ({"gandl_blocks"}, {"scores", "treatments"}, {"rxrx19a"}),
    "figure_featurizers": (EVERY, {"scores", "controls"}, {"rxrx19a", "rxrx1"}),
    "figure_calibration": (
        {"gandl_blocks"},
        {"scores", "dose_response", "screening", "calibration"},
        {"rxrx19a"},
    ),
    "preprint_figure_5": ({"gandl"}, {"scores", "screening"}, {"rxrx19a"}),
    "preprint_figure_6": ({"gandl", "imagenet_collapsed"}, {"cell_type"}, {"rxrx19a", "rxrx1"}),
    "preprint_figure_7": (set(), set(), set()),
    "table_1": (EVERY, {"scores", "controls", "cell_model", "cell_type", "comparisons"}, {"rxrx19a", "rxrx1"}),
    "preprint_table_1": (EVERY, {"scores", "controls", "cell_model"}, {"rxrx19a", "rxrx1"}),
    "table_s_strict": (EVERY, {"scores", "controls", "cell_model", "cell_type", "comparisons"}, {"rxrx19a", "rxrx1"}),
    "table_featurizers": (
        EVERY,
        {"scores", "controls", "cell_model", "cell_type", "comparisons"},
        {"rxrx19a", "rxrx1"},
    ),
    "table_treatments": (EVERY, {"scores", "treatments"}, {"rxrx19a", "rxrx1"}),
    "compounds": (EVERY, {"scores", "screening"}, {"rxrx19a", "rxrx1"}),
}
"""By hand, for the default run: featurizers whose profiles are read, rules of the evaluation that answer, screens that are packed
(what is trained on RxRx1 needs its images even where RxRx19a is shown)."""
