"""figures, of the paper: those that bear its numbers, 1 to 5, what stands beside them as a supplement, and the preprint's own.

REQUIRED  <results>/evaluation/**, <results>/models/gandl/**, image stores
MAKES     <results>/figures/figure_1.* to figure_5.*, figure_s_drugs.*, figure_s_confusion.*, preprint_figure_5.* to preprint_figure_7.*
"""

SAMPLES = f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz"
EMBEDDED = {dataset.value: size for dataset, size in cfg.embeddings.resolutions.items()}


use rule figure_samples as figure_1 with:
    """Example images of every screen above generated ones: wells by channel, one display range per channel."""
    input:
        style=STYLE,
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        manifests=example_manifests(),
        samples=SAMPLES,
    output:
        **figure_files(
            "figure_1", "figure_1.rst", "Figure 1: real and generated images"
        ),
    log:
        "<logs>/figures/figure_1.log",
    benchmark:
        "<benchmarks>/figures/figure_1.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.paper.examples.draw_examples"),
        caption=caption("images", "crop", "seed"),
        datasets=[dataset for dataset in DATASETS for _ in shown_stores(dataset)],
        resolutions=EMBEDDED,


use rule figure_samples as figure_2 with:
    """Overview of the method, drawn from this run: images, sizes of the networks, counts, the three tasks."""
    input:
        where_drawn("figure_2"),
        style=STYLE,
        samples=SAMPLES,
        weights=f"<results>/models/gandl/seed_{cfg.training.seed}/weights.safetensors",
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        manifests=(
            manifests_of("rxrx1", shown_stores("rxrx1")) if "rxrx1" in STORES else []
        ),
        scores=by_featurizer("scores", names=[OF_PAPER]),
        curves=if_asked("dose_response", ".curves"),
        points=if_asked("dose_response", ".points"),
        confusion=if_asked("cell_type", ".confusion", RAW),
    output:
        **figure_files("figure_2", "figure_2.rst", "Figure 2: overview of the method"),
    log:
        "<logs>/figures/figure_2.log",
    benchmark:
        "<benchmarks>/figures/figure_2.jsonl"
    params:
        **calls("gandl.figures.paper.overview.draw_overview"),
        caption=caption("images", "crop", "seed"),
        datasets=DATASETS,
        resolutions=EMBEDDED,
        featurizer=OF_PAPER,
        scheme=HELD_OUT,


use rule figure_samples as figure_3 with:
    """The two spaces of the paper, E2 and C2: held-out controls by cell type, GAN-DL beside the baseline."""
    input:
        where_drawn("figure_3"),
        style=STYLE,
        e2=by_featurizer("scores", names=of_run([*PAPER_PANELS, *BESIDE])),
        c2=by_featurizer("cell_model", ".scores", RAW, of_run([*PAPER_PANELS, *BESIDE])),
    output:
        **figure_files("figure_3", "figure_3.rst", "Figure 3: E² and C² spaces"),
    log:
        "<logs>/figures/figure_3.log",
    benchmark:
        "<benchmarks>/figures/figure_3.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.paper.spaces.draw_spaces"),
        caption=caption(),
        each=of_run([*PAPER_PANELS, *BESIDE]),
        columns=[*PAPER_PANELS, *BESIDE],
        scheme=HELD_OUT,


use rule figure_samples as figure_4 with:
    """The three drugs of the paper in the space E2, doses from light to dark red, GAN-DL above the baseline."""
    input:
        where_drawn("figure_4"),
        style=STYLE,
        scores=by_featurizer("scores", names=of_run(PAPER_PANELS)),
    output:
        **figure_files("figure_4", "figure_4.rst", "Figure 4: three drugs by dose"),
    log:
        "<logs>/figures/figure_4.log",
    benchmark:
        "<benchmarks>/figures/figure_4.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.paper.drugs.draw_drugs"),
        caption=caption(),
        each=of_run(PAPER_PANELS),
        columns=PAPER_PANELS,
        scheme=HELD_OUT,


use rule figure_samples as figure_s_drugs with:
    """Dose response of the three drugs of the paper in each cell type, with fit, EC50 and intervals."""
    input:
        where_drawn("figure_s_drugs"),
        style=STYLE,
        numbers=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.parquet",
        curves=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.curves.parquet",
        points=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.points.parquet",
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
    output:
        **figure_files(
            "figure_s_drugs",
            "s_drugs.rst",
            "Dose response of three drugs",
        ),
    log:
        "<logs>/figures/figure_s_drugs.log",
    benchmark:
        "<benchmarks>/figures/figure_s_drugs.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.paper.drug_curves.draw_drug_curves"),
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        scheme=HELD_OUT,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_5 with:
    """Confusion matrices of the cell types of RxRx1 by the paper's four featurizers."""
    input:
        where_drawn("figure_5"),
        style=STYLE,
        confusion=by_featurizer("cell_type", ".confusion", RAW, of_run(PAPER_MATRICES)),
        numbers=by_featurizer("cell_type", "", RAW, of_run(PAPER_MATRICES)),
        reference=REFERENCE,
    output:
        **figure_files("figure_5", "figure_5.rst", "Figure 5: cell types of RxRx1"),
    log:
        "<logs>/figures/figure_5.log",
    benchmark:
        "<benchmarks>/figures/figure_5.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.paper.confusion.draw_confusion"),
        caption=caption("bootstrap", "confidence"),
        each=of_run(PAPER_MATRICES),
        panels=PAPER_MATRICES,
        scheme="quarter",
        unit="site",


use rule figure_5 as figure_s_confusion with:
    """The same of all other featurizers: the baseline, GAN-DL's blocks, floors."""
    input:
        where_drawn("figure_s_confusion"),
        style=STYLE,
        confusion=by_featurizer("cell_type", ".confusion", RAW, OTHER_MATRICES),
        numbers=by_featurizer("cell_type", "", RAW, OTHER_MATRICES),
        reference=REFERENCE,
    output:
        **figure_files(
            "figure_s_confusion",
            "s_confusion.rst",
            "Cell types of RxRx1, other featurizers",
        ),
    log:
        "<logs>/figures/figure_s_confusion.log",
    benchmark:
        "<benchmarks>/figures/figure_s_confusion.jsonl"
    localrule: True
    params:
        each=OTHER_MATRICES,
        panels=[],


use rule figure_samples as preprint_figure_5 with:
    """Efficacy by dose of every compound in each cell type: references and the strongest in colour, all others grey."""
    input:
        where_drawn("preprint_figure_5"),
        style=STYLE,
        doses=f"<results>/evaluation/screening/{OF_PAPER}.{METHOD}.doses.parquet",
        compounds=f"<results>/evaluation/screening/{OF_PAPER}.{METHOD}.compounds.parquet",
    output:
        **figure_files(
            "preprint_figure_5",
            "preprint_figure_5.rst",
            "Preprint, figure 5: all dose responses",
        ),
    log:
        "<logs>/figures/preprint_figure_5.log",
    benchmark:
        "<benchmarks>/figures/preprint_figure_5.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.preprint.dose_curves.draw_dose_curves"),
        caption=caption(),
        featurizer=OF_PAPER,


use rule figure_5 as preprint_figure_6 with:
    """Confusion matrices of the cell types of RxRx1 by the preprint's two featurizers."""
    input:
        where_drawn("preprint_figure_6"),
        style=STYLE,
        confusion=by_featurizer(
            "cell_type", ".confusion", RAW, of_run(PREPRINT_MATRICES)
        ),
        numbers=by_featurizer("cell_type", "", RAW, of_run(PREPRINT_MATRICES)),
        reference=REFERENCE,
    output:
        **figure_files(
            "preprint_figure_6",
            "preprint_figure_6.rst",
            "Preprint, figure 6: cell types of RxRx1",
        ),
    log:
        "<logs>/figures/preprint_figure_6.log",
    benchmark:
        "<benchmarks>/figures/preprint_figure_6.jsonl"
    localrule: True
    params:
        each=of_run(PREPRINT_MATRICES),
        panels=PREPRINT_MATRICES,
        preprint=True,


use rule figure_samples as preprint_figure_7 with:
    """The architecture of generator and discriminator, with the shapes of this run's configuration."""
    input:
        where_drawn("preprint_figure_7"),
        style=STYLE,
    output:
        **figure_files(
            "preprint_figure_7",
            "preprint_figure_7.rst",
            "Preprint, figure 7: architecture",
        ),
    log:
        "<logs>/figures/preprint_figure_7.log",
    benchmark:
        "<benchmarks>/figures/preprint_figure_7.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.preprint.architecture.draw_architecture"),
        caption=caption(),
        architecture=settings(cfg.training.network),
        dataset=SCREEN,
