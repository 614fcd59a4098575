"""embeddings: a featurizer looks at every site of a store and writes one vector per site.

REQUIRED  image stores; the trained weights for `gandl` and `gandl_blocks`
MAKES     <results>/embeddings/{dataset}/{featurizer}/{store}.parquet
"""


rule embeddings:
    """Embed one store with the trained discriminator (its 512-d layer, or the statistics of all blocks)."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        weights=f"<results>/models/gandl/seed_{cfg.training.seed}/weights.safetensors",
    output:
        embeddings="<results>/embeddings/{dataset}/{trained}/{store}.parquet",
    log:
        "<logs>/embeddings/{dataset}_{trained}_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_{trained}_{store}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: 2
    resources:
        mem="3GB",
        runtime="2h",
    params:
        settings=settings(cfg.embeddings, exclude={"featurizers", "segmentation"}),
        code=code_version("gandl.embeddings.embed"),
    script:
        "../workflow/scripts/embeddings.py"


rule floors:
    """Embed one store with every floor: an untrained network of the same shape, intensities, a plain segmentation."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
    output:
        embeddings=collect(
            "<results>/embeddings/{{dataset}}/{floor}/{{store}}.parquet", floor=FLOORS
        ),
    log:
        "<logs>/embeddings/{dataset}_floors_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_floors_{store}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem="3GB",
        runtime="2h",
    params:
        floors=FLOORS,
        settings=settings(
            cfg.embeddings, exclude={"featurizers", "weights", "activation"}
        ),
        network=settings(cfg.training.network),
        resolution=cfg.training.resolution,
        intensity=cfg.training.intensity.value,
        seed=cfg.training.seed,
        code=code_version("gandl.embeddings.embed"),
    script:
        "../workflow/scripts/floors.py"
