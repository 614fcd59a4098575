"""figures: what an evaluation wrote is drawn; each figure is a rule of its own name and writes the data it drew as CSV.

REQUIRED  <results>/evaluation/**, <results>/models/gandl/**
MAKES     <results>/figures/figure_*.svg, .png, .csv
"""


rule figure_samples:
    """Real and generated crops, channel by channel, with a scale bar."""
    input:
        style=STYLE,
        samples=f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz",
    output:
        **figure_files("figure_samples", "samples.rst", "Real and generated crops"),
    log:
        "<logs>/figures/figure_samples.log",
    benchmark:
        "<benchmarks>/figures/figure_samples.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("2GB"),
        runtime=growing("20m"),
    params:
        **calls("gandl.figures.training.samples.draw_samples"),
        settings=settings(cfg.figures),
        word=WORD,
        scaling=cfg.evaluation.scaling.value,
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
        **figure_files("figure_axes", "axes.rst", "On and off perturbation"),
    log:
        "<logs>/figures/figure_axes.log",
    benchmark:
        "<benchmarks>/figures/figure_axes.jsonl"
    localrule: True
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
        **figure_files("figure_dose_response", "dose_response.rst", "Dose response"),
    log:
        "<logs>/figures/figure_dose_response.log",
    benchmark:
        "<benchmarks>/figures/figure_dose_response.jsonl"
    localrule: True
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
        **figure_files("figure_plate", "plate.rst", "Plate heat map"),
    log:
        "<logs>/figures/figure_plate.log",
    benchmark:
        "<benchmarks>/figures/figure_plate.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.plate.draw_plate"),
        caption=caption(),
        featurizer=DRAWN,
        scheme=HELD_OUT,


use rule figure_samples as figure_s_layout with:
    """Scores and nuclei by plate position, over all plates, and how well profiles predict a well's place."""
    input:
        where_drawn("figure_s_layout"),
        style=STYLE,
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
        numbers=f"<results>/evaluation/layout/{DRAWN}.{METHOD}.parquet",
        nuclei=NUCLEI,
    output:
        **figure_files("figure_s_layout", "s_layout.rst", "Plate layout"),
    log:
        "<logs>/figures/figure_s_layout.log",
    benchmark:
        "<benchmarks>/figures/figure_s_layout.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.positions.draw_positions"),
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        scheme=HELD_OUT,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_treatments with:
    """Every treatment and dose by its score, with the bands of both kinds of controls; those that differ marked."""
    input:
        where_drawn("figure_treatments"),
        style=STYLE,
        treatments=f"<results>/evaluation/treatments/{DRAWN}.{METHOD}.treatments.parquet",
    output:
        **figure_files("figure_treatments", "treatments.rst", "Treatments by score"),
    log:
        "<logs>/figures/figure_treatments.log",
    benchmark:
        "<benchmarks>/figures/figure_treatments.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.treatments.draw_treatments"),
        caption=caption("bootstrap", "confidence", "false_discovery", "hits_note"),
        featurizer=DRAWN,
        false_discovery=cfg.evaluation.false_discovery,
        confidence=cfg.evaluation.confidence,


use rule figure_samples as figure_mechanism with:
    """Confusion matrices of mechanisms of action: not the same compound (NSC), nor the same batch (NSCB)."""
    input:
        where_drawn("figure_mechanism"),
        style=STYLE,
        confusion=f"<results>/evaluation/mechanism/{MATCHED}.{METHOD}.confusion.parquet",
        numbers=f"<results>/evaluation/mechanism/{MATCHED}.{METHOD}.parquet",
    output:
        **figure_files("figure_mechanism", "mechanism.rst", "Mechanisms of action"),
    log:
        "<logs>/figures/figure_mechanism.log",
    benchmark:
        "<benchmarks>/figures/figure_mechanism.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.mechanism.draw_mechanism"),
        caption=caption("bootstrap", "confidence"),
        featurizer=MATCHED,
        normalization=METHOD,


use rule figure_samples as figure_featurizers with:
    """Z' of every featurizer with its interval under every normalisation, over all rows and over the rows that chose nothing."""
    input:
        where_drawn("figure_featurizers"),
        style=STYLE,
        numbers=by_featurizer("controls", method=OWN_FIRST),
        reference=REFERENCE,
    output:
        **figure_files(
            "figure_featurizers",
            "featurizers.rst",
            "Featurizers compared",
        ),
    log:
        "<logs>/figures/figure_featurizers.log",
    benchmark:
        "<benchmarks>/figures/figure_featurizers.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.featurizers.draw_featurizers"),
        caption=caption("bootstrap", "confidence"),
        methods=OWN_FIRST,
        dataset=SCREEN,


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
            "Scores against the truth",
        ),
    log:
        "<logs>/figures/figure_calibration.log",
    benchmark:
        "<benchmarks>/figures/figure_calibration.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.calibration.draw_calibration"),
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,


use rule figure_samples as figure_training with:
    """Losses, penalties and the probe's Z' along training."""
    input:
        style=STYLE,
        curves=[f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet"],
    output:
        **figure_files("figure_training", "training.rst", "Training curve"),
    log:
        "<logs>/figures/figure_training.log",
    benchmark:
        "<benchmarks>/figures/figure_training.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.training.curves.draw_training"),
        caption=caption(
            "images", "crop", "resolution", "seed", "held_out", "quality_crops"
        ),
        each=[cfg.training.seed],


use rule figure_samples as figure_s_training with:
    """One training in full: all curves, the same latents along it, and an interpolation of styles."""
    input:
        style=STYLE,
        curve=f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet",
        samples=f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz",
    output:
        **figure_files("figure_s_training", "s_training.rst", "Training in full"),
    log:
        "<logs>/figures/figure_s_training.log",
    benchmark:
        "<benchmarks>/figures/figure_s_training.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.training.supplement.draw_training_supplement"),
        caption=caption(
            "images",
            "crop",
            "resolution",
            "seed",
            "held_out",
            "quality_crops",
            "chosen",
        ),
        seed=cfg.training.seed,


use rule figure_samples as figure_s_reconstructions with:
    """Held-out crops and what the autoencoder makes of their codes, channel by channel."""
    input:
        where_drawn("figure_s_reconstructions"),
        style=STYLE,
        samples=f"{CONV_AE_MODEL}/samples.npz",
    output:
        **figure_files(
            "figure_s_reconstructions",
            "s_reconstructions.rst",
            "Reconstructions of ConvAE",
        ),
    log:
        "<logs>/figures/figure_s_reconstructions.log",
    benchmark:
        "<benchmarks>/figures/figure_s_reconstructions.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.training.samples.draw_samples"),
        caption=caption("conv_ae"),
        made="reconstructed",


use rule figure_samples as figure_s_counterparts with:
    """How the trainings of the counterparts went: the baseline, ConvAE, and ImageNet-collapsed for every question and fold."""
    input:
        where_drawn("figure_s_counterparts"),
        style=STYLE,
        curve=[f"{model}/curve.parquet" for model in ONCE_TRAINED.values()],
        weights=[f"{model}/weights.safetensors" for model in ONCE_TRAINED.values()],
        recognition=[
            f"{model}/recognition.parquet"
            for name, model in ONCE_TRAINED.items()
            if name == BASELINE
        ],
        folds=collect(
            "<results>/models/imagenet_collapsed-{question}/curves.parquet",
            question=QUESTIONS_DRAWN,
        ),
    output:
        **figure_files(
            "figure_s_counterparts",
            "s_counterparts.rst",
            "Trainings of the counterparts",
        ),
    log:
        "<logs>/figures/figure_s_counterparts.log",
    benchmark:
        "<benchmarks>/figures/figure_s_counterparts.jsonl"
    localrule: True
    params:
        **calls("gandl.figures.training.counterparts.draw_counterparts"),
        caption=caption("conv_ae", "counterparts", "imagenet_network"),
        each=list(ONCE_TRAINED),
        questions=QUESTIONS_DRAWN,


include: "paper_figures.smk"


rule figures:
    """Every figure and every table."""
    input:
        collect("<results>/figures/{name}.svg", name=drawn("figure")),
        collect("<results>/tables/{name}.html", name=drawn("table")),
