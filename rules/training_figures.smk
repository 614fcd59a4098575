"""figures, of trainings: curves of the GAN and of its counterparts, what latents became, reconstructions; and of the preprint alone.

REQUIRED  <results>/models/**; for the preprint's <results>/evaluation/{screening,cell_type}/**, for its architecture the configuration
MAKES     <results>/figures/figure_training.*, figure_s_*.svg, preprint_figure_*.svg, .png, .csv
"""


use rule figure_samples as figure_training with:
    """Losses, penalties and the probe's Z' along training."""
    input:
        style=STYLE,
        curves=[f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet"],
    output:
        **figure_files("figure_training", "training.rst", "models", "Training curve"),
    log:
        "<logs>/figures/figure_training.log",
    benchmark:
        "<benchmarks>/figures/figure_training.jsonl"
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
        **figure_files(
            "figure_s_training", "s_training.rst", "models", "Training in full"
        ),
    log:
        "<logs>/figures/figure_s_training.log",
    benchmark:
        "<benchmarks>/figures/figure_s_training.jsonl"
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
            "models",
            "Reconstructions of ConvAE",
        ),
    log:
        "<logs>/figures/figure_s_reconstructions.log",
    benchmark:
        "<benchmarks>/figures/figure_s_reconstructions.jsonl"
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
            "models",
            "Trainings of the counterparts",
        ),
    log:
        "<logs>/figures/figure_s_counterparts.log",
    benchmark:
        "<benchmarks>/figures/figure_s_counterparts.jsonl"
    params:
        **calls("gandl.figures.training.counterparts.draw_counterparts"),
        caption=caption("conv_ae", "counterparts", "imagenet_network"),
        each=list(ONCE_TRAINED),
        questions=QUESTIONS_DRAWN,


use rule figure_samples as preprint_figure_5 with:
    """Efficacy by dose of every compound in each cell type: references and the strongest in colour, all others grey."""
    input:
        where_drawn("preprint_figure_5"),
        style=STYLE,
        doses=f"<results>/evaluation/screening/{PAPER_DRAWN}.{METHOD}.doses.parquet",
        compounds=f"<results>/evaluation/screening/{PAPER_DRAWN}.{METHOD}.compounds.parquet",
    output:
        **figure_files(
            "preprint_figure_5",
            "preprint_figure_5.rst",
            "evaluation",
            "Preprint, figure 5: all dose responses",
        ),
    log:
        "<logs>/figures/preprint_figure_5.log",
    benchmark:
        "<benchmarks>/figures/preprint_figure_5.jsonl"
    params:
        **calls("gandl.figures.preprint.dose_curves.draw_dose_curves"),
        caption=caption(),
        featurizer=PAPER_DRAWN,
        scaling=cfg.evaluation.scaling.value,


use rule figure_samples as preprint_figure_7 with:
    """The architecture of generator and discriminator, with the shapes of this run's configuration."""
    input:
        where_drawn("preprint_figure_7"),
        style=STYLE,
    output:
        **figure_files(
            "preprint_figure_7",
            "preprint_figure_7.rst",
            "models",
            "Preprint, figure 7: architecture",
        ),
    log:
        "<logs>/figures/preprint_figure_7.log",
    benchmark:
        "<benchmarks>/figures/preprint_figure_7.jsonl"
    params:
        **calls("gandl.figures.preprint.architecture.draw_architecture"),
        caption=caption(),
        architecture=settings(cfg.training.network),
        dataset=SCREEN,
