"""figures, of the comparison of representation learning (Dmitrenko et al. 2022): its tables 1 and 2, its figures 3 to 7, and what
its own code could not show: how far the ranking can be trusted, and which setups see what is known.

REQUIRED  <results>/evaluation/comparison/**, <results>/models/comparison/**, the table of tiles, image stores
MAKES     <results>/tables/comparison_table_1.* and _2.*; <results>/figures/comparison_figure_3.* to _7.*, _ranking.*, _truth.*
"""


use rule figure_samples as comparison_table_1 with:
    """Hours and memory of the training of every paradigm, with one crop and with several, beside the paper's hours."""
    input:
        where_drawn("comparison_table_1"),
        benchmarks=trained_files("benchmark"),
        curves=trained_files("curve"),
        reference=REFERENCE,
    output:
        **table_files(
            "comparison_table_1",
            "comparison_table_1.rst",
            "Table 1 of the comparison: hours and memory",
        ),
    log:
        "<logs>/figures/comparison_table_1.log",
    benchmark:
        "<benchmarks>/figures/comparison_table_1.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.costs.write_costs"),
        caption=caption("confidence", "comparison"),
        dino_as_byol=COMPARING and cfg.comparison.recipe.dino_as_byol,


use rule figure_samples as comparison_table_2 with:
    """Every metric of every setup: median and MAD over cell lines, interval over seeds, what the paper prints, and the floors."""
    input:
        where_drawn("comparison_table_2"),
        table="<results>/evaluation/comparison/table.parquet",
        reference=REFERENCE,
        numbers=of_task("similarity"),
    output:
        **table_files(
            "comparison_table_2",
            "comparison_table_2.rst",
            "Table 2 of the comparison: every metric of every setup",
        ),
    log:
        "<logs>/figures/comparison_table_2.log",
    benchmark:
        "<benchmarks>/figures/comparison_table_2.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.metrics.write_metrics"),
        caption=caption("confidence", "comparison"),
        asked=SETUPS,
        seeds=SETUP_SEEDS,
        similar=PAIRS["similar"],
        collapsed_below=COLLAPSED_BELOW,
        confidence=TASK_CONFIDENCE,


use rule figure_samples as comparison_figure_3 with:
    """Distances between two similar drugs and from each to vehicle, in one cell line, setup by setup."""
    input:
        where_drawn("comparison_figure_3"),
        style=STYLE,
        distances=of_task("similarity", ".distances"),
        numbers=of_task("similarity"),
    output:
        **figure_files(
            "comparison_figure_3",
            "comparison_figure_3.rst",
            "Figure 3 of the comparison: distances between drugs",
        ),
    log:
        "<logs>/figures/comparison_figure_3.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_3.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.distances.draw_distances"),
        caption=caption("confidence", "comparison"),
        similar=PAIRS["similar"],
        opposite=PAIRS["opposite"] or [],
        vehicle=VEHICLE,
        cell_type=next(iter(SHOWN_LINES), ""),


use rule figure_samples as comparison_figure_4 with:
    """Accuracy of drug against vehicle in three cell lines, setup by setup, beside the share of the larger class."""
    input:
        where_drawn("comparison_figure_4"),
        style=STYLE,
        numbers=of_task("drug_control"),
        tiles=TILES,
    output:
        **figure_files(
            "comparison_figure_4",
            "comparison_figure_4.rst",
            "Figure 4 of the comparison: drug against vehicle",
        ),
    log:
        "<logs>/figures/comparison_figure_4.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_4.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.accuracy.draw_accuracy"),
        caption=caption("confidence", "comparison"),
        cell_types=SHOWN_LINES,
        confidence=TASK_CONFIDENCE,


use rule figure_samples as comparison_figure_5 with:
    """Mean number of clusters and mean silhouette over the grid in three cell lines, setup by setup."""
    input:
        where_drawn("comparison_figure_5"),
        style=STYLE,
        partitions=of_task("clusters", ".partitions"),
    output:
        **figure_files(
            "comparison_figure_5",
            "comparison_figure_5.rst",
            "Figure 5 of the comparison: clusters",
        ),
    log:
        "<logs>/figures/comparison_figure_5.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_5.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.clusters.draw_clusters"),
        caption=caption("confidence", "comparison"),
        cell_types=SHOWN_LINES,
        confidence=TASK_CONFIDENCE,


use rule figure_samples as comparison_figure_6 with:
    """Held-out tiles and their reconstructions by the unsupervised and the regularized model."""
    input:
        where_drawn("comparison_figure_6"),
        style=STYLE,
        samples=RECONSTRUCTED,
    output:
        **figure_files(
            "comparison_figure_6",
            "comparison_figure_6.rst",
            "Figure 6 of the comparison: reconstructions",
        ),
    log:
        "<logs>/figures/comparison_figure_6.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_6.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.reconstructions.draw_reconstructions"),
        caption=caption("confidence", "comparison"),


use rule figure_samples as comparison_figure_7 with:
    """Test tiles of one cell line in two dimensions, by cluster and by treatment, with tiles of every cluster."""
    input:
        where_drawn("comparison_figure_7"),
        style=STYLE,
        points=next(iter(CLUSTERED), []),
        tiles=TILES,
        manifests=manifests_of(SCREEN),
    output:
        **figure_files(
            "comparison_figure_7",
            "comparison_figure_7.rst",
            "Figure 7 of the comparison: clusters of one cell line",
        ),
    log:
        "<logs>/figures/comparison_figure_7.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_7.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.embedding.draw_embedding"),
        caption=caption("confidence", "comparison"),
        side=TILE_SIDE,
        resolution=cfg.embeddings.resolutions[cfg.source.screen],
        cell_type=next(iter(SHOWN_LINES), ""),
        vehicle=VEHICLE,
        seed=cfg.seed,


use rule figure_samples as comparison_figure_ranking with:
    """Rank of every setup by every metric and seed; in the CSV also how often the best one changes."""
    input:
        where_drawn("comparison_figure_ranking"),
        style=STYLE,
        ranking="<results>/evaluation/comparison/ranking.parquet",
        stability="<results>/evaluation/comparison/stability.parquet",
    output:
        **figure_files(
            "comparison_figure_ranking",
            "comparison_figure_ranking.rst",
            "How stable the ranking of setups is over seeds",
        ),
    log:
        "<logs>/figures/comparison_figure_ranking.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_ranking.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.ranking.draw_ranking"),
        caption=caption("confidence", "comparison"),
        similar=PAIRS["similar"],


use rule figure_samples as comparison_figure_truth with:
    """By how much two drugs of opposite effect lie farther apart than two similar ones, setup by setup and seed by seed."""
    input:
        where_drawn("comparison_figure_truth"),
        style=STYLE,
        numbers=of_task("similarity"),
    output:
        **figure_files(
            "comparison_figure_truth",
            "comparison_figure_truth.rst",
            "Which setups see the planted truth",
        ),
    log:
        "<logs>/figures/comparison_figure_truth.log",
    benchmark:
        "<benchmarks>/figures/comparison_figure_truth.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.comparison.truth.draw_truth"),
        vehicle=VEHICLE,
        caption=caption("confidence", "comparison"),
        similar=PAIRS["similar"],
        opposite=PAIRS["opposite"] or [],
        confidence=TASK_CONFIDENCE,
