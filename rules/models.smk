"""models: image stores become trained networks. No label is used; the probe only observes, and only if it is on.

REQUIRED  the image stores of the first screen; its sites and splits where `training.probe` is on
MAKES     <results>/models/gandl/seed_{seed}/weights.safetensors (a copy of last.safetensors or best.safetensors, as
          `training.weights` says), curve.parquet, samples.png, samples.npz, samples.gif, interpolation.png;
          checkpoints are beside them, undeclared, so that a killed training resumes where it was
"""


rule training:
    """Train GAN-DL (StyleGAN2) on crops of all stores of the first screen; resumes from its last checkpoint."""
    input:
        manifests=manifests_of(SCREEN),
        probe_tables=branch(
            cfg.training.probe,
            then=collect(
                "<results>/source/{dataset}/{table}.parquet",
                dataset=SCREEN,
                table=["sites", "splits"],
            ),
            otherwise=[],
        ),
    output:
        weights="<results>/models/gandl/seed_{seed}/weights.safetensors",
        last="<results>/models/gandl/seed_{seed}/last.safetensors",
        best="<results>/models/gandl/seed_{seed}/best.safetensors",
        curve="<results>/models/gandl/seed_{seed}/curve.parquet",
        samples="<results>/models/gandl/seed_{seed}/samples.png",
        arrays="<results>/models/gandl/seed_{seed}/samples.npz",
        animation="<results>/models/gandl/seed_{seed}/samples.gif",
        interpolation="<results>/models/gandl/seed_{seed}/interpolation.png",
    log:
        "<logs>/models/gandl_seed_{seed}.log",
    benchmark:
        "<benchmarks>/models/gandl_seed_{seed}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: cfg.compute.threads
    resources:
        gpu=cfg.compute.gpus,
        mem=cfg.compute.training_memory,
        runtime=cfg.compute.training_runtime,
    params:
        settings=settings(cfg.training),
        code=code_version(
            "gandl.models.engine.training",
            "gandl.models.objectives.gan",
            "gandl.models.looks.gan_measures",
        ),
    script:
        "../workflow/scripts/training.py"
