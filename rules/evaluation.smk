"""evaluation: profiles become numbers, each with its interval, its unit and its n.

REQUIRED  <results>/normalization/{dataset}/{featurizer}.{method}.wells.parquet, splits.parquet
MAKES     <results>/evaluation/{scores,controls,dose_response}/{featurizer}.{method}.parquet
"""


rule scores:
    """Score every well on the on- and off-perturbation axes by a model that never saw its plate row."""
    input:
        wells=f"<results>/normalization/{DATASET}/{{featurizer}}.{{method}}.wells.parquet",
        splits=f"<results>/source/{DATASET}/splits.parquet",
    output:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
    log:
        "<logs>/evaluation/scores_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/scores_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="1h",
    params:
        svm_c=cfg.evaluation.svm_c,
        code=code_version("gandl.evaluation.scores"),
    script:
        "../workflow/scripts/scores.py"


rule controls:
    """How far apart the held-out controls lie: Z', robust Z', SSMD and accuracy, each with its interval."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        raw_wells=f"<results>/normalization/{DATASET}/{{featurizer}}.none.wells.parquet",
    output:
        numbers="<results>/evaluation/controls/{featurizer}.{method}.parquet",
    log:
        "<logs>/evaluation/controls_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/controls_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="30m",
    params:
        settings=settings(cfg.evaluation, exclude={"svm_c"}),
        development_rows=cfg.source.development_rows,
        seed=cfg.seed,
        training_seed=cfg.training.seed,
        code=code_version("gandl.evaluation.controls"),
    script:
        "../workflow/scripts/controls.py"


rule dose_response:
    """Fit a Hill curve against a constant to each drug's on scores; EC50 with its interval."""
    input:
        scores="<results>/evaluation/scores/{featurizer}.{method}.parquet",
        raw_wells=f"<results>/normalization/{DATASET}/{{featurizer}}.none.wells.parquet",
    output:
        numbers="<results>/evaluation/dose_response/{featurizer}.{method}.parquet",
        curves="<results>/evaluation/dose_response/{featurizer}.{method}.curves.parquet",
        points="<results>/evaluation/dose_response/{featurizer}.{method}.points.parquet",
    log:
        "<logs>/evaluation/dose_response_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/evaluation/dose_response_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="1h",
    params:
        settings=settings(cfg.evaluation, exclude={"svm_c"}),
        seed=cfg.seed,
        training_seed=cfg.training.seed,
        code=code_version("gandl.evaluation.dose_response"),
    script:
        "../workflow/scripts/dose_response.py"
