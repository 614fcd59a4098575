"""figures: what an evaluation wrote is drawn; each figure is a rule of its own name and writes the data it drew as CSV.

REQUIRED  <results>/evaluation/**, <results>/models/gandl/**
MAKES     <results>/figures/figure_*.svg, .png, .csv and <results>/tables/table_featurizers.html, .csv
"""


rule figure_samples:
    """Real and generated crops, channel by channel, with a scale bar."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        arrays=f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz",
    output:
        svg=report(
            "<results>/figures/figure_samples.svg",
            caption="../workflow/report/samples.rst",
            category="models",
            labels={"result": "Real and generated crops"},
        ),
        png="<results>/figures/figure_samples.png",
        csv="<results>/figures/figure_samples.csv",
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
        settings=settings(cfg.figures),
        caption=caption("images", "crop", "resolution", "seed"),
        code=code_version("gandl.figures.samples"),
    script:
        "../workflow/scripts/figure_samples.py"


rule figure_axes:
    """On- and off-perturbation score of every well, doses from light to dark."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        scores=collect(
            "<results>/evaluation/scores/{featurizer}.{method}.parquet",
            featurizer=DRAWN,
            method=METHOD,
        ),
    output:
        svg=report(
            "<results>/figures/figure_axes.svg",
            caption="../workflow/report/axes.rst",
            category="evaluation",
            labels={"result": "On and off perturbation"},
        ),
        png="<results>/figures/figure_axes.png",
        csv="<results>/figures/figure_axes.csv",
    log:
        "<logs>/figures/figure_axes.log",
    benchmark:
        "<benchmarks>/figures/figure_axes.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption(),
        featurizer=DRAWN,
        code=code_version("gandl.figures.axes"),
    script:
        "../workflow/scripts/figure_axes.py"


rule figure_dose_response:
    """Dose response of each drug for every featurizer, with Hill fit, EC50 and intervals."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        numbers=collect(
            "<results>/evaluation/dose_response/{featurizer}.{method}.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
        curves=collect(
            "<results>/evaluation/dose_response/{featurizer}.{method}.curves.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
        points=collect(
            "<results>/evaluation/dose_response/{featurizer}.{method}.points.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
        scores=collect(
            "<results>/evaluation/scores/{featurizer}.{method}.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
    output:
        svg=report(
            "<results>/figures/figure_dose_response.svg",
            caption="../workflow/report/dose_response.rst",
            category="evaluation",
            labels={"result": "Dose response"},
        ),
        png="<results>/figures/figure_dose_response.png",
        csv="<results>/figures/figure_dose_response.csv",
    log:
        "<logs>/figures/figure_dose_response.log",
    benchmark:
        "<benchmarks>/figures/figure_dose_response.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        confidence=cfg.evaluation.confidence,
        code=code_version("gandl.figures.dose_response"),
    script:
        "../workflow/scripts/figure_dose_response.py"


rule figure_plate:
    """The plate as a heat map of the on score."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        scores=collect(
            "<results>/evaluation/scores/{featurizer}.{method}.parquet",
            featurizer=DRAWN,
            method=METHOD,
        ),
    output:
        svg=report(
            "<results>/figures/figure_plate.svg",
            caption="../workflow/report/plate.rst",
            category="evaluation",
            labels={"result": "Plate heat map"},
        ),
        png="<results>/figures/figure_plate.png",
        csv="<results>/figures/figure_plate.csv",
    log:
        "<logs>/figures/figure_plate.log",
    benchmark:
        "<benchmarks>/figures/figure_plate.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption(),
        featurizer=DRAWN,
        code=code_version("gandl.figures.plate"),
    script:
        "../workflow/scripts/figure_plate.py"


rule figure_training:
    """Losses, penalties and the probe's Z' along training."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        curve=f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet",
    output:
        svg=report(
            "<results>/figures/figure_training.svg",
            caption="../workflow/report/training.rst",
            category="models",
            labels={"result": "Training curve"},
        ),
        png="<results>/figures/figure_training.png",
        csv="<results>/figures/figure_training.csv",
    log:
        "<logs>/figures/figure_training.log",
    benchmark:
        "<benchmarks>/figures/figure_training.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption("images", "crop", "resolution", "seed"),
        seed=cfg.training.seed,
        code=code_version("gandl.figures.training"),
    script:
        "../workflow/scripts/figure_training.py"


rule figure_featurizers:
    """Z' of every featurizer with its interval, over all rows and over the rows that chose nothing."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        numbers=collect(
            "<results>/evaluation/controls/{featurizer}.{method}.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
        reference="resources/paper_values.csv",
    output:
        svg=report(
            "<results>/figures/figure_featurizers.svg",
            caption="../workflow/report/featurizers.rst",
            category="evaluation",
            labels={"result": "Featurizers compared"},
        ),
        png="<results>/figures/figure_featurizers.png",
        csv="<results>/figures/figure_featurizers.csv",
    log:
        "<logs>/figures/figure_featurizers.log",
    benchmark:
        "<benchmarks>/figures/figure_featurizers.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        dataset=DATASET,
        code=code_version("gandl.figures.featurizers"),
    script:
        "../workflow/scripts/figure_featurizers.py"


rule table_featurizers:
    """Every featurizer by every metric, floors included."""
    input:
        numbers=collect(
            "<results>/evaluation/controls/{featurizer}.{method}.parquet",
            featurizer=FEATURIZERS,
            method=METHOD,
        ),
        reference="resources/paper_values.csv",
    output:
        html=report(
            "<results>/tables/table_featurizers.html",
            caption="../workflow/report/table_featurizers.rst",
            category="evaluation",
            labels={"result": "Featurizers by metric"},
        ),
        csv="<results>/tables/table_featurizers.csv",
    log:
        "<logs>/figures/table_featurizers.log",
    benchmark:
        "<benchmarks>/figures/table_featurizers.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        confidence=cfg.evaluation.confidence,
        dataset=DATASET,
        code=code_version("gandl.figures.table_featurizers"),
    script:
        "../workflow/scripts/table_featurizers.py"


rule figures:
    """Every figure and every table."""
    input:
        collect(
            "<results>/figures/figure_{name}.svg",
            name=[
                "samples",
                "axes",
                "dose_response",
                "plate",
                "training",
                "featurizers",
            ],
        ),
        "<results>/tables/table_featurizers.html",
