"""figures: what an evaluation wrote is drawn; each figure is a rule of its own name and writes the data it drew as CSV.

REQUIRED  <results>/evaluation/**, <results>/models/gandl/**, image stores (figure_1)
MAKES     <results>/figures/figure_*.svg, .png, .csv and <results>/tables/table_*.html, .csv
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
        word=WORD,
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
        word=WORD,
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
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        scheme=HELD_OUT,
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
        word=WORD,
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
        word=WORD,
        caption=caption("images", "crop", "resolution", "seed"),
        seed=cfg.training.seed,
        held_out=cfg.training.held_out,
        quality_crops=cfg.training.quality_crops,
        code=code_version("gandl.figures.training"),
    script:
        "../workflow/scripts/figure_training.py"


rule figure_s_training:
    """One training in full: all curves, the same latents along it, and an interpolation of styles."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        curve=f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet",
        arrays=f"<results>/models/gandl/seed_{cfg.training.seed}/samples.npz",
    output:
        svg=report(
            "<results>/figures/figure_s_training.svg",
            caption="../workflow/report/s_training.rst",
            category="models",
            labels={"result": "Training in full"},
        ),
        png="<results>/figures/figure_s_training.png",
        csv="<results>/figures/figure_s_training.csv",
    log:
        "<logs>/figures/figure_s_training.log",
    benchmark:
        "<benchmarks>/figures/figure_s_training.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("images", "crop", "resolution", "seed"),
        seed=cfg.training.seed,
        held_out=cfg.training.held_out,
        quality_crops=cfg.training.quality_crops,
        chosen=cfg.training.weights.value,
        code=code_version("gandl.figures.training_supplement"),
    script:
        "../workflow/scripts/figure_s_training.py"


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
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        dataset=SCREEN,
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
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        confidence=cfg.evaluation.confidence,
        dataset=SCREEN,
        code=code_version("gandl.figures.table_featurizers"),
    script:
        "../workflow/scripts/table_featurizers.py"


rule figure_1:
    """Example images of every screen: a contact sheet of wells by channel, at the size that the networks see."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        manifests=example_manifests(),
    output:
        svg=report(
            "<results>/figures/figure_1.svg",
            caption="../workflow/report/figure_1.rst",
            category="images",
            labels={"result": "Example images"},
        ),
        png="<results>/figures/figure_1.png",
        csv="<results>/figures/figure_1.csv",
    log:
        "<logs>/figures/figure_1.log",
    benchmark:
        "<benchmarks>/figures/figure_1.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption(),
        datasets=[dataset for dataset in DATASETS for _ in shown_stores(dataset)],
        resolutions={
            dataset.value: size for dataset, size in cfg.embeddings.resolutions.items()
        },
        code=code_version("gandl.figures.examples"),
    script:
        "../workflow/scripts/figure_1.py"


rule figure_3:
    """The two spaces of the paper, E2 and C2: held-out controls by cell type."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        e2=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
        c2=f"<results>/evaluation/cell_model/{DRAWN}.{RAW}.scores.parquet",
    output:
        svg=report(
            "<results>/figures/figure_3.svg",
            caption="../workflow/report/figure_3.rst",
            category="evaluation",
            labels={"result": "E2 and C2 spaces"},
        ),
        png="<results>/figures/figure_3.png",
        csv="<results>/figures/figure_3.csv",
    log:
        "<logs>/figures/figure_3.log",
    benchmark:
        "<benchmarks>/figures/figure_3.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        scheme=HELD_OUT,
        code=code_version("gandl.figures.spaces"),
    script:
        "../workflow/scripts/figure_3.py"


rule figure_4:
    """Dose response of the three drugs of the paper in each cell type."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        numbers=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.parquet",
        curves=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.curves.parquet",
        points=f"<results>/evaluation/dose_response/{DRAWN}.{METHOD}.points.parquet",
        scores=f"<results>/evaluation/scores/{DRAWN}.{METHOD}.parquet",
    output:
        svg=report(
            "<results>/figures/figure_4.svg",
            caption="../workflow/report/figure_4.rst",
            category="evaluation",
            labels={"result": "Dose response of three drugs"},
        ),
        png="<results>/figures/figure_4.png",
        csv="<results>/figures/figure_4.csv",
    log:
        "<logs>/figures/figure_4.log",
    benchmark:
        "<benchmarks>/figures/figure_4.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        scheme=HELD_OUT,
        confidence=cfg.evaluation.confidence,
        code=code_version("gandl.figures.drugs"),
    script:
        "../workflow/scripts/figure_4.py"


rule figure_5:
    """Confusion matrices of the cell types of RxRx1, zero-shot, by featurizer."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        confusion=collect(
            "<results>/evaluation/cell_type/{featurizer}.{method}.confusion.parquet",
            featurizer=FEATURIZERS,
            method=RAW,
        ),
        numbers=collect(
            "<results>/evaluation/cell_type/{featurizer}.{method}.parquet",
            featurizer=FEATURIZERS,
            method=RAW,
        ),
    output:
        svg=report(
            "<results>/figures/figure_5.svg",
            caption="../workflow/report/figure_5.rst",
            category="evaluation",
            labels={"result": "Cell types of RxRx1"},
        ),
        png="<results>/figures/figure_5.png",
        csv="<results>/figures/figure_5.csv",
    log:
        "<logs>/figures/figure_5.log",
    benchmark:
        "<benchmarks>/figures/figure_5.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        code=code_version("gandl.figures.confusion"),
    script:
        "../workflow/scripts/figure_5.py"


rule figure_calibration:
    """Simulated screens: scores against the true severity, EC50s against the true ones."""
    input:
        style="src/gandl/figures/gandl.mplstyle",
        wells=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.wells.parquet",
        compounds=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.compounds.parquet",
        numbers=f"<results>/evaluation/calibration/{DRAWN}.{METHOD}.parquet",
    output:
        svg=report(
            "<results>/figures/figure_calibration.svg",
            caption="../workflow/report/figure_calibration.rst",
            category="evaluation",
            labels={"result": "Scores against the truth"},
        ),
        png="<results>/figures/figure_calibration.png",
        csv="<results>/figures/figure_calibration.csv",
    log:
        "<logs>/figures/figure_calibration.log",
    benchmark:
        "<benchmarks>/figures/figure_calibration.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizer=DRAWN,
        code=code_version("gandl.figures.calibration"),
    script:
        "../workflow/scripts/figure_calibration.py"


rule table_1:
    """Accuracy on the paper's downstream tasks, by image and by well, beside the paper's."""
    input:
        numbers=[
            *answers("controls", METHOD),
            *answers("cell_model", RAW),
            *answers("cell_type", RAW),
        ],
        reference="resources/paper_values.csv",
    output:
        html=report(
            "<results>/tables/table_1.html",
            caption="../workflow/report/table_1.rst",
            category="evaluation",
            labels={"result": "Table 1: accuracy on the tasks"},
        ),
        csv="<results>/tables/table_1.csv",
    log:
        "<logs>/figures/table_1.log",
    benchmark:
        "<benchmarks>/figures/table_1.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="20m",
    params:
        settings=settings(cfg.figures),
        word=WORD,
        caption=caption("bootstrap", "confidence"),
        featurizers=FEATURIZERS,
        normalization=METHOD,
        confidence=cfg.evaluation.confidence,
        code=code_version("gandl.figures.table_1"),
    script:
        "../workflow/scripts/table_1.py"


rule figures:
    """Every figure and every table."""
    input:
        collect("<results>/figures/{name}.svg", name=drawn_figures()),
        collect("<results>/tables/{name}.html", name=drawn_tables()),
