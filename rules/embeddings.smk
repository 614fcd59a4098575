"""embeddings: featurizers look at every site of a store and write one vector per site.

REQUIRED  image stores; the trained weights for `gandl` and `gandl_blocks`, those of the baseline, of `conv_ae` and of CytoGAN's families for these; ImageNet weights for `imagenet_concatenated`; the
          published archive for `released`
MAKES     <results>/embeddings/{dataset}/{featurizer}/{store}.parquet
"""


rule embeddings:
    """Embed one store with the trained discriminator: its 512-d layer, and the statistics of its blocks, in one pass."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        weights=f"<results>/models/gandl/seed_{cfg.training.seed}/weights.safetensors",
    output:
        embeddings=collect(
            "<results>/embeddings/{{dataset}}/{featurizer}/{{store}}.parquet",
            featurizer=TRAINED,
        ),
    log:
        "<logs>/embeddings/{dataset}_trained_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_trained_{store}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: AT_ONCE
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        featurizers=TRAINED,
        settings=settings(
            cfg.embeddings,
            exclude={"featurizers", "segmentation", "cell_measurements", "imagenet"},
        ),
        code=code_of(TRAINED),
    script:
        "../workflow/scripts/embeddings.py"


use rule embeddings as baseline_embeddings with:
    """Embed one store with the baseline, the network that was trained on the siRNAs of RxRx1."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        weights=BASELINE_WEIGHTS,
    output:
        embeddings=[f"<results>/embeddings/{{dataset}}/{BASELINE}/{{store}}.parquet"],
    log:
        f"<logs>/embeddings/{{dataset}}_{BASELINE}_{{store}}.log",
    benchmark:
        f"<benchmarks>/embeddings/{{dataset}}_{BASELINE}_{{store}}.jsonl"
    params:
        featurizers=[BASELINE],
        settings=settings(
            cfg.embeddings,
            include={"resolutions", "rescale", "drop_channels", "batch", "precision"},
        ),
        code=code_of([BASELINE]),


use rule embeddings as conv_ae_embeddings with:
    """Embed one store with the encoder of the autoencoder."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        weights=f"{CONV_AE_MODEL}/weights.safetensors",
    output:
        embeddings=[f"<results>/embeddings/{{dataset}}/{CONV_AE}/{{store}}.parquet"],
    log:
        f"<logs>/embeddings/{{dataset}}_{CONV_AE}_{{store}}.log",
    benchmark:
        f"<benchmarks>/embeddings/{{dataset}}_{CONV_AE}_{{store}}.jsonl"
    params:
        featurizers=[CONV_AE],
        settings=settings(
            cfg.embeddings,
            include={
                "resolutions",
                "rescale",
                "drop_channels",
                "stride",
                "batch",
                "precision",
            },
        ),
        code=code_of([CONV_AE]),


use rule embeddings as cytogan_embeddings with:
    """Embed one store with the representation of a family of CytoGAN."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        weights=weights_of_family,
    output:
        embeddings=["<results>/embeddings/{dataset}/{family}/{store}.parquet"],
    log:
        "<logs>/embeddings/{dataset}_{family}_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_{family}_{store}.jsonl"
    params:
        featurizers=featurizers_of_family,
        settings=settings(
            cfg.embeddings,
            include={
                "resolutions",
                "rescale",
                "drop_channels",
                "stride",
                "batch",
                "precision",
            },
        ),
        code=code_of_family_embeddings,


rule floors:
    """Embed one store with the floors that are measured, not learned: intensities, cells and their features."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        screen=screen_of_floors,
    output:
        embeddings=collect(
            "<results>/embeddings/{{dataset}}/{featurizer}/{{store}}.parquet",
            featurizer=FLOORS,
        ),
    log:
        "<logs>/embeddings/{dataset}_floors_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_floors_{store}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1  # each site is measured by one thread, so that two stores on two cores take half the time
    resources:
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        featurizers=FLOORS,
        settings=settings(
            cfg.embeddings,
            include={
                "resolutions",
                "rescale",
                "drop_channels",
                "segmentation",
                "cell_measurements",
            },
        ),
        code=code_of(FLOORS),
    script:
        "../workflow/scripts/embeddings.py"


use rule floors as untrained with:
    """Embed one store with an untrained network of the shape and the intensity scale of the trained one."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        screen=manifests_of(SCREEN, SEEN),  # on which the scale is measured
    output:
        embeddings=[f"<results>/embeddings/{{dataset}}/{UNTRAINED}/{{store}}.parquet"],
    log:
        "<logs>/embeddings/{dataset}_untrained_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_untrained_{store}.jsonl"
    threads: AT_ONCE
    params:
        featurizers=[UNTRAINED],
        settings=settings(
            cfg.embeddings,
            exclude={
                "featurizers",
                "weights",
                "activation",
                "segmentation",
                "imagenet",
                "cell_measurements",
            },
        ),
        network=settings(cfg.training.network),
        resolution=cfg.training.resolution,
        intensity=cfg.training.intensity.value,
        seed=cfg.training.seed,
        code=code_of([UNTRAINED]),


use rule embeddings as imagenet with:
    """Embed one store with a network trained on ImageNet, each channel alone, and with the same network untrained."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        screen=manifests_of(SCREEN, SEEN),  # whose channels and intensity scale the network sees, as the trained one does
        pretrained=weights_of_channels(),
    output:
        embeddings=collect(
            "<results>/embeddings/{{dataset}}/{featurizer}/{{store}}.parquet",
            featurizer=IMAGENET,
        ),
    log:
        "<logs>/embeddings/{dataset}_imagenet_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_imagenet_{store}.jsonl"
    params:
        featurizers=IMAGENET,
        settings=settings(
            cfg.embeddings,
            include={
                "resolutions",
                "rescale",
                "drop_channels",
                "batch",
                "precision",
                "imagenet",
            },
        ),
        resolution=cfg.training.resolution,
        intensity=cfg.training.intensity.value,
        seed=cfg.training.seed,
        code=code_of(IMAGENET),


rule collapsed_embeddings:
    """Embed one store with the models of a question's folds: a row for every fold and site that the fold needs."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        folds="<results>/models/imagenet_collapsed-{question}/folds.json",
        sites="<results>/source/{dataset}/sites.parquet",
        splits="<results>/source/{dataset}/splits.parquet",
        pretrained=pretrained_weights(NETWORK),
    output:
        embeddings="<results>/embeddings/{dataset}/imagenet_collapsed-{question}/{store}.parquet",
    log:
        "<logs>/embeddings/{dataset}_imagenet_collapsed-{question}_{store}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}_imagenet_collapsed-{question}_{store}.jsonl"
    wildcard_constraints:
        question="|".join(QUESTIONS_OF_FOLDS),
    conda:
        "../envs/gpu.yaml"
    threads: AT_ONCE
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        settings=settings(
            cfg.embeddings,
            include={
                "resolutions",
                "rescale",
                "drop_channels",
                "batch",
                "precision",
                "imagenet",
            },
        ),
        code=code_version("gandl.embeddings.imagenet.folds"),
    script:
        "../workflow/scripts/imagenet_collapsed.py"


rule released_rxrx19a:
    """Read the embeddings that were published with RxRx19a (1024-d) into the same tables as any other featurizer's."""
    input:
        archive=f"<downloads>/{official('rxrx19a', 'embeddings')}",
        sites="<results>/source/rxrx19a/sites.parquet",
    output:
        embeddings=collect(
            "<results>/embeddings/rxrx19a/released/{store}.parquet",
            store=STORES.get("rxrx19a", []),
        ),
    log:
        "<logs>/embeddings/rxrx19a_released.log",
    benchmark:
        "<benchmarks>/embeddings/rxrx19a_released.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("4GB"),
        runtime=growing("4h"),
    params:
        dataset="rxrx19a",
        width=RELEASED_WIDTH["rxrx19a"],
        stores=STORES.get("rxrx19a", []),
        complete=is_complete("rxrx19a"),
        checksum=False,
        code=code_version("gandl.source.screens.released"),
    script:
        "../workflow/scripts/released.py"


use rule released_rxrx19a as released_rxrx1 with:
    """Read the embeddings that were published with RxRx1 (128-d) into the same tables as any other featurizer's."""
    input:
        archive=f"<downloads>/{official('rxrx1', 'embeddings')}",
        sites="<results>/source/rxrx1/sites.parquet",
    output:
        embeddings=collect(
            "<results>/embeddings/rxrx1/released/{store}.parquet",
            store=STORES.get("rxrx1", []),
        ),
    log:
        "<logs>/embeddings/rxrx1_released.log",
    benchmark:
        "<benchmarks>/embeddings/rxrx1_released.jsonl"
    params:
        dataset="rxrx1",
        width=RELEASED_WIDTH["rxrx1"],
        stores=STORES.get("rxrx1", []),
        complete=is_complete("rxrx1"),
        checksum=is_complete("rxrx1"),
