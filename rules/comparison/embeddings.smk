"""embeddings, of the comparison: every labelled tile becomes a code of each setup.

REQUIRED  the table of tiles, the image stores, the weights of trained setups
MAKES     <results>/embeddings/comparison/{setup}.seed_{seed}.parquet
"""


rule comparison_codes:
    """The codes of all labelled tiles under one setup and seed: the encoder's linear output, or what a floor measures."""
    input:
        tiles=TILES,
        manifests=manifests_of(SCREEN),
        weights=weights_of_setup,
    output:
        output=f"<results>/embeddings/comparison/{OF_SETUP}.parquet",
    log:
        f"<logs>/embeddings/comparison_{OF_SETUP}.log",
    benchmark:
        f"<benchmarks>/embeddings/comparison_{OF_SETUP}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: cfg.compute.threads if cfg.compute.gpus else 1
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        **calls("gandl.embeddings.comparison.setup.write_setup_codes"),
        settings=settings_of_codes,
        gpus=min(1, cfg.compute.gpus),
        side=TILE_SIDE,
        resolution=cfg.embeddings.resolutions[cfg.source.screen],
    script:
        "../../workflow/scripts/question.py"
