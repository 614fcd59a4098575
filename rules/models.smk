"""models: image stores become trained networks. GAN-DL uses no label (the probe only observes, and only if it is on); the
counterparts `densenet161_arcface` and `imagenet_collapsed` are trained on the siRNAs of RxRx1 and on the labels of questions, the
counterpart `conv_ae` and the families of CytoGAN without labels, as GAN-DL.

REQUIRED  the image stores of the first screen, but for `source.unseen`; its sites and splits where `training.probe` is on; for the counterparts those of
          RxRx1, its sites, splits, and ImageNet weights
MAKES     <results>/models/gandl/seed_{seed}/weights.safetensors (a copy of last.safetensors or best.safetensors, as
          `training.weights` says), curve.parquet, samples.png, samples.npz, samples.gif, interpolation.png;
          <results>/models/densenet161_arcface/seed_{seed}/: the same, labels.parquet (who trains, who validates) and
          recognition.parquet (what held-out sites and wells were taken for);
          <results>/models/imagenet_collapsed-{question}/folds.json, and beside it the weights of every fold;
          curves.parquet, how all of them were trained;
          <results>/models/conv_ae/seed_{seed}/: the same as of gandl; samples are held-out crops and their reconstructions;
          <results>/models/{family}/seed_{seed}/: the same of every family of CytoGAN (`dcgan`, `lsgan`, ...) that is embedded with;
          checkpoints are beside them, undeclared, so that a killed training resumes where it was
"""


rule training:
    """Train GAN-DL (StyleGAN2) on crops of all stores of the first screen; resumes from its last checkpoint."""
    input:
        manifests=manifests_of(SCREEN, SEEN),
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
        **SEVERAL_NODES,
        gpu=cfg.compute.gpus,
        nodes=cfg.compute.nodes,
        mem=growing(cfg.compute.training_memory),
        runtime=cfg.compute.training_runtime,  # at every attempt: it resumes
    params:
        settings=settings(cfg.training),
        code=code_version(
            "gandl.models.engine.training",
            "gandl.models.objectives.gan",
            "gandl.models.looks.gan_measures",
        ),
    script:
        "../workflow/scripts/training.py"


rule baseline:
    """Train the paper's baseline, a DenseNet with softmax and ArcFace heads, on the siRNAs of RxRx1; resumes as training does."""
    input:
        manifests=stores_of_baseline(),
        sites="<results>/source/rxrx1/sites.parquet",
    output:
        labels=f"<results>/models/{BASELINE}/seed_{{seed}}/labels.parquet",
        weights=f"<results>/models/{BASELINE}/seed_{{seed}}/weights.safetensors",
        last=f"<results>/models/{BASELINE}/seed_{{seed}}/last.safetensors",
        best=f"<results>/models/{BASELINE}/seed_{{seed}}/best.safetensors",
        curve=f"<results>/models/{BASELINE}/seed_{{seed}}/curve.parquet",
        samples=f"<results>/models/{BASELINE}/seed_{{seed}}/samples.png",
        arrays=f"<results>/models/{BASELINE}/seed_{{seed}}/samples.npz",
        animation=f"<results>/models/{BASELINE}/seed_{{seed}}/samples.gif",
        interpolation=f"<results>/models/{BASELINE}/seed_{{seed}}/interpolation.png",
        recognition=f"<results>/models/{BASELINE}/seed_{{seed}}/recognition.parquet",
    log:
        f"<logs>/models/{BASELINE}_seed_{{seed}}.log",
    benchmark:
        f"<benchmarks>/models/{BASELINE}_seed_{{seed}}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: cfg.compute.threads
    resources:
        **SEVERAL_NODES,
        gpu=cfg.compute.gpus,
        nodes=cfg.compute.nodes,
        mem=growing(cfg.compute.training_memory),
        runtime=cfg.compute.training_runtime,  # at every attempt: it resumes
    params:
        settings=settings(RECIPE),
        objective="classifier",
        drop_channels=cfg.embeddings.drop_channels,
        code=code_version(
            "gandl.models.engine.training",
            "gandl.models.objectives.classifier",
            "gandl.models.looks.classification",
            "gandl.source.labels",
        ),
    script:
        "../workflow/scripts/training.py"


use rule training as conv_ae with:
    """Train the paper's ConvAE, an autoencoder, on crops of all stores of the first screen; resumes as training does."""
    input:
        manifests=manifests_of(SCREEN, SEEN),
        pretrained=pretrained_weights(CONV_AE_PERCEPTUAL),
    output:
        weights=f"<results>/models/{CONV_AE}/seed_{{seed}}/weights.safetensors",
        last=f"<results>/models/{CONV_AE}/seed_{{seed}}/last.safetensors",
        best=f"<results>/models/{CONV_AE}/seed_{{seed}}/best.safetensors",
        curve=f"<results>/models/{CONV_AE}/seed_{{seed}}/curve.parquet",
        samples=f"<results>/models/{CONV_AE}/seed_{{seed}}/samples.png",
        arrays=f"<results>/models/{CONV_AE}/seed_{{seed}}/samples.npz",
        animation=f"<results>/models/{CONV_AE}/seed_{{seed}}/samples.gif",
        interpolation=f"<results>/models/{CONV_AE}/seed_{{seed}}/interpolation.png",
    log:
        f"<logs>/models/{CONV_AE}_seed_{{seed}}.log",
    benchmark:
        f"<benchmarks>/models/{CONV_AE}_seed_{{seed}}.jsonl"
    params:
        settings=settings(CONV_AE_RECIPE),
        objective="autoencoder",
        code=code_version(
            "gandl.models.engine.training",
            "gandl.models.objectives.autoencoder",
            "gandl.models.looks.reconstruction",
        ),


use rule training as cytogan with:
    """Train a family of CytoGAN on crops of all stores of the first screen; resumes as training does."""
    input:
        manifests=manifests_of(SCREEN, SEEN),
    output:
        weights="<results>/models/{family}/seed_{seed}/weights.safetensors",
        last="<results>/models/{family}/seed_{seed}/last.safetensors",
        best="<results>/models/{family}/seed_{seed}/best.safetensors",
        curve="<results>/models/{family}/seed_{seed}/curve.parquet",
        samples="<results>/models/{family}/seed_{seed}/samples.png",
        arrays="<results>/models/{family}/seed_{seed}/samples.npz",
        animation="<results>/models/{family}/seed_{seed}/samples.gif",
        interpolation="<results>/models/{family}/seed_{seed}/interpolation.png",
    log:
        "<logs>/models/{family}_seed_{seed}.log",
    benchmark:
        "<benchmarks>/models/{family}_seed_{seed}.jsonl"
    params:
        settings=recipe_of_family,
        objective=objective_of_family,
        code=code_of_family,


rule imagenet_collapsed:
    """Train ImageNet-collapsed on a question's labels, a model for every fold; finished folds are kept when it is killed."""
    input:
        manifests=stores_of_question,
        sites=table_of_question("sites"),
        splits=table_of_question("splits"),
        pretrained=pretrained_weights(NETWORK),
    output:
        folds="<results>/models/imagenet_collapsed-{question}/folds.json",
        curves="<results>/models/imagenet_collapsed-{question}/curves.parquet",
    log:
        "<logs>/models/imagenet_collapsed_{question}.log",
    benchmark:
        "<benchmarks>/models/imagenet_collapsed_{question}.jsonl"
    wildcard_constraints:
        question="|".join(QUESTIONS_OF_FOLDS),
    conda:
        "../envs/gpu.yaml"
    threads: cfg.compute.threads if cfg.compute.gpus else 1  # its networks are small: questions side by side are faster
    resources:
        gpu=min(1, cfg.compute.gpus),
        mem=growing(cfg.compute.training_memory),
        runtime=cfg.compute.training_runtime,  # at every attempt: it resumes
    params:
        settings=settings(
            cfg.counterparts.collapsed.recipe(cfg.embeddings.imagenet.network)
        ),
        schemes=cfg.counterparts.collapsed.schemes,
        drop_channels=cfg.embeddings.drop_channels,
        code=code_version(
            "gandl.models.folds.training",
            "gandl.models.folds.curves",
            "gandl.models.objectives.collapsed",
            "gandl.models.looks.collapsed",
        ),
    script:
        "../workflow/scripts/imagenet_collapsed.py"
