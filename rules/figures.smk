"""figures: what an evaluation wrote is drawn; each figure is a rule of its own name and writes the data it drew as CSV.

REQUIRED  <results>/evaluation/**, <results>/models/gandl/**, image stores (figure_1)
MAKES     <results>/figures/figure_*.svg, .png, .csv
"""


rule figure_samples:
    """Real and generated crops, channel by channel, with a scale bar."""
    input:
        style=STYLE,
        samples=f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz",
    output:
        **figure_files(
            "figure_samples", "samples.rst", "models", "Real and generated crops"
        ),
    log:
        "<logs>/figures/figure_samples.log",
    benchmark:
        "<benchmarks>/figures/figure_samples.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        **calls("gandl.figures.training.samples.draw_samples"),
        settings=settings(cfg.figures),
        word=WORD,
        network=NETWORK,
        paper=of_the_paper,
        caption=caption("images", "crop", "resolution", "seed"),
    script:
        "../workflow/scripts/figure.py"


use rule figure_samples as figure_axes with:
    """On- and off-perturbation score of every well, doses from light to dark."""
    input:
        where_drawn("figure_axes"),
        style=STYLE,
        scores=[f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet"],
    output:
        **figure_files(
            "figure_axes", "axes.rst", "evaluation", "On and off perturbation"
        ),
    log:
        "<logs>/figures/figure_axes.log",
    benchmark:
        "<benchmarks>/figures/figure_axes.jsonl"
    params:
        **calls("gandl.figures.axes.draw_axes"),
        caption=caption(),
        each=[DRAWN],


use rule figure_samples as figure_dose_response with:
    """Dose response of each drug for every featurizer, with Hill fit, EC50 and intervals."""
    input:
        where_drawn("figure_dose_response"),
        style=STYLE,
        numbers=by_featurizer("dose_response"),
        curves=by_featurizer("dose_response", ".curves"),
        points=by_featurizer("dose_response", ".points"),
        scores=by_featurizer("scores"),
    output:
        **figure_files(
            "figure_dose_response", "dose_response.rst", "evaluation", "Dose response"
        ),
    log:
        "<logs>/figures/figure_dose_response.log",
    benchmark:
        "<benchmarks>/figures/figure_dose_response.jsonl"
    params:
        **calls("gandl.figures.dose_response.draw_dose_response"),
        caption=caption("bootstrap", "confidence"),
        each=FEATURIZERS,
        scheme=HELD_OUT,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_plate with:
    """Plates as heat maps of the on score: one with its values, of several up to twelve."""
    input:
        where_drawn("figure_plate"),
        style=STYLE,
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
    output:
        **figure_files("figure_plate", "plate.rst", "evaluation", "Plate heat map"),
    log:
        "<logs>/figures/figure_plate.log",
    benchmark:
        "<benchmarks>/figures/figure_plate.jsonl"
    params:
        **calls("gandl.figures.plate.draw_plate"),
        caption=caption(),
        featurizer=DRAWN,
        scheme=HELD_OUT,


use rule figure_samples as figure_treatments with:
    """Every treatment and dose by its score, with the bands of both kinds of controls; those that differ marked."""
    input:
        where_drawn("figure_treatments"),
        style=STYLE,
        treatments=f"<results>/evaluation/treatments/{DRAWN}.{METHOD}.treatments.parquet",
    output:
        **figure_files(
            "figure_treatments", "treatments.rst", "evaluation", "Treatments by score"
        ),
    log:
        "<logs>/figures/figure_treatments.log",
    benchmark:
        "<benchmarks>/figures/figure_treatments.jsonl"
    params:
        **calls("gandl.figures.treatments.draw_treatments"),
        caption=caption("bootstrap", "confidence", "false_discovery", "hits_note"),
        featurizer=DRAWN,
        false_discovery=cfg.evaluation.false_discovery,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_featurizers with:
    """Z' of every featurizer with its interval under every normalisation, over all rows and over the rows that chose nothing."""
    input:
        where_drawn("figure_featurizers"),
        style=STYLE,
        numbers=by_featurizer("controls", method=OWN_FIRST),
        reference="resources/paper_values.csv",
    output:
        **figure_files(
            "figure_featurizers",
            "featurizers.rst",
            "evaluation",
            "Featurizers compared",
        ),
    log:
        "<logs>/figures/figure_featurizers.log",
    benchmark:
        "<benchmarks>/figures/figure_featurizers.jsonl"
    params:
        **calls("gandl.figures.featurizers.draw_featurizers"),
        caption=caption("bootstrap", "confidence"),
        methods=OWN_FIRST,
        dataset=SCREEN,


use rule figure_samples as figure_1 with:
    """Example images of every screen: a contact sheet of wells by channel, at the size that the networks see."""
    input:
        style=STYLE,
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        manifests=example_manifests(),
    output:
        **figure_files("figure_1", "figure_1.rst", "images", "Example images"),
    log:
        "<logs>/figures/figure_1.log",
    benchmark:
        "<benchmarks>/figures/figure_1.jsonl"
    params:
        **calls("gandl.figures.examples.draw_examples"),
        caption=caption(),
        datasets=[dataset for dataset in DATASETS for _ in shown_stores(dataset)],
        resolutions={
            dataset.value: size for dataset, size in cfg.embeddings.resolutions.items()
        },


use rule figure_samples as figure_3 with:
    """The two spaces of the paper, E2 and C2: held-out controls by cell type."""
    input:
        where_drawn("figure_3"),
        style=STYLE,
        scores=[
            f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
            f"<results>/evaluation/cell_model/{DRAWN}.{RAW}.scores.parquet",
        ],
    output:
        **figure_files("figure_3", "figure_3.rst", "evaluation", "E2 and C2 spaces"),
    log:
        "<logs>/figures/figure_3.log",
    benchmark:
        "<benchmarks>/figures/figure_3.jsonl"
    params:
        **calls("gandl.figures.spaces.draw_spaces"),
        caption=caption("bootstrap", "confidence"),
        each=["E2", "C2"],
        featurizer=DRAWN,
        scheme=HELD_OUT,


use rule figure_samples as figure_4 with:
    """Dose response of the three drugs of the paper in each cell type."""
    input:
        where_drawn("figure_4"),
        style=STYLE,
        numbers=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.parquet",
        curves=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.curves.parquet",
        points=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.points.parquet",
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
    output:
        **figure_files(
            "figure_4", "figure_4.rst", "evaluation", "Dose response of three drugs"
        ),
    log:
        "<logs>/figures/figure_4.log",
    benchmark:
        "<benchmarks>/figures/figure_4.jsonl"
    params:
        **calls("gandl.figures.drugs.draw_drugs"),
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        scheme=HELD_OUT,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_5 with:
    """Confusion matrices of the cell types of RxRx1, by featurizer."""
    input:
        where_drawn("figure_5"),
        style=STYLE,
        confusion=by_featurizer("cell_type", ".confusion", method=RAW),
        numbers=by_featurizer("cell_type", method=RAW),
        reference="resources/paper_values.csv",
    output:
        **figure_files("figure_5", "figure_5.rst", "evaluation", "Cell types of RxRx1"),
    log:
        "<logs>/figures/figure_5.log",
    benchmark:
        "<benchmarks>/figures/figure_5.jsonl"
    params:
        **calls("gandl.figures.confusion.draw_confusion"),
        caption=caption("bootstrap", "confidence"),
        each=FEATURIZERS,
        scheme="quarter",
        unit="site",


use rule figure_samples as figure_calibration with:
    """Simulated screens: scores against the true severity, EC50s against the true ones."""
    input:
        where_drawn("figure_calibration"),
        style=STYLE,
        wells=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.wells.parquet",
        compounds=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.compounds.parquet",
        numbers=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.parquet",
    output:
        **figure_files(
            "figure_calibration",
            "figure_calibration.rst",
            "evaluation",
            "Scores against the truth",
        ),
    log:
        "<logs>/figures/figure_calibration.log",
    benchmark:
        "<benchmarks>/figures/figure_calibration.jsonl"
    params:
        **calls("gandl.figures.calibration.draw_calibration"),
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,


include: "training_figures.smk"


rule figures:
    """Every figure and every table."""
    input:
        collect("<results>/figures/{name}.svg", name=drawn("figure")),
        collect("<results>/tables/{name}.html", name=drawn("table")),
