"""figures, of trainings: curves of the GAN and of its counterparts, what latents became, reconstructions.

REQUIRED  <results>/models/**
MAKES     <results>/figures/figure_training.*, figure_s_*.svg, .png, .csv
"""


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
