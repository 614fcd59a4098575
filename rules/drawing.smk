"""What figures and tables need: their captions and files, which of them are drawn, and what is refused."""

WORD = "simulated" if cfg.simulated else ""


CHOSEN = cfg.figures.featurizer.value
DRAWN = CHOSEN if CHOSEN in FEATURIZERS else next(iter(FEATURIZERS), "")


OF_PAPER = (
    cfg.figures.paper_featurizer.value
)  # for GAN-DL, in figures that bear the paper's numbers
RELEASED = FeaturizerName.RELEASED.value
OF_BASELINE = RELEASED if RELEASED in FEATURIZERS else BASELINE
PAPER_PANELS = [OF_PAPER, OF_BASELINE]  # of figures 3 and 4, also where a run lacks one
MATCHED = DRAWN if DRAWN in EXPORTED else next(iter(EXPORTED), "")
BESIDE = [DRAWN] if DRAWN not in PAPER_PANELS else []  # where there is room
PAPER_MATRICES = [
    OF_PAPER,
    FeaturizerName.IMAGENET_COLLAPSED.value,
    FeaturizerName.IMAGENET_CONCATENATED.value,
    FeaturizerName.CONV_AE.value,
]  # of figure 5
PREPRINT_MATRICES = PAPER_MATRICES[:2]  # of its figure 6
OTHER_MATRICES = [name for name in FEATURIZERS if name not in PAPER_MATRICES]


def of_run(names):
    """Those of some featurizers that this run has."""
    return [name for name in names if name in FEATURIZERS]


def if_asked(question, of, method=METHOD):
    """A table of an evaluation of the paper's featurizer, or none where the question is not asked."""
    return (
        by_featurizer(question, of, method, [OF_PAPER]) if requested(question) else []
    )


HELD_OUT = LEFT_OUT_WHOLE[0 if len(STORES[SCREEN]) > 1 else 1].value


PLATE = cfg.source.bbbc013 is not None


CAPTION = {
    "dataset": SCREEN,
    "word": WORD,
    "scheme": HELD_OUT,
    "platemap": cfg.source.bbbc013.platemap if PLATE else None,
    "development_rows": cfg.source.development_rows,
    "normalization": METHOD,
    "normalizations": normalizations_in_words(
        OWN_FIRST, reference=cfg.normalization.reference.value
    ),
    "featurizer": DRAWN,
    "featurizers": FEATURIZERS,
    "imagenet": imagenet_in_words(
        FEATURIZERS, NETWORK, cfg.counterparts.conv_ae.perceptual
    ),
    "zero_shot": (
        zero_shot_note(FEATURIZERS, SCREEN) if requested("cell_type") else ""
    ),
    "blocks": cfg.embeddings.blocks,
    "block_statistics": [
        statistic.value for statistic in cfg.embeddings.block_statistics
    ],
    **(
        caption_counts(
            home.found(cfg.source.bbbc013.platemap), SCREEN, cfg.source.development_rows
        )
        if PLATE
        else NO_COUNTS
    ),
}


CAPTION_SETTINGS = {
    "bootstrap": cfg.evaluation.bootstrap,
    "confidence": cfg.evaluation.confidence,
    "false_discovery": cfg.evaluation.false_discovery,
    "hits_note": hits_note(METHOD, cfg.normalization.reference.value),
    "images": cfg.training.images,
    "crop": cfg.training.network.crop,
    "resolution": cfg.training.resolution,
    "seed": cfg.training.seed,
    "held_out": cfg.training.held_out,
    "comparison": comparison_caption(cfg.comparison) if COMPARING else None,
    "quality_crops": cfg.training.quality_crops,
    "chosen": cfg.training.weights.value,
    "conv_ae": conv_ae_caption(cfg.counterparts.conv_ae),
    "counterparts": settings(cfg.counterparts),
    "imagenet_network": cfg.embeddings.imagenet.network.label,
}


def caption(*keys):
    """What a caption states: the counts of wells and the choice of features, and of the other settings only those named."""
    return {**CAPTION, **{key: CAPTION_SETTINGS[key] for key in keys}}


STYLE = home.file("src/gandl/figures/common/gandl.mplstyle")
REFERENCE = home.file("resources/paper_values.csv")


LANDING = Path(located("<results>/report/landing.rst"))


LANDING_PAGE = (  # of a finished run: what is computed stands there, too
    str(LANDING.resolve())
    if LANDING.is_file() and not commit_of(home.folder)
    else "workflow/report/workflow.rst"
)


BESIDE_PAPER = located("<results>/report/beside_paper.json")


def of_the_paper(wildcards, output):
    """What the paper states and what this run found, a sentence for the caption: nothing before the audit, which comes last.

    It takes outputs, so that Snakemake does not compare it: a figure is not drawn again because of what was found.
    """
    return of_paper(Path(output[0]).stem, BESIDE_PAPER)


def in_report(file, caption, result):
    """A result as Snakemake's report shows it: under its section of the paper, by one label, with a caption of `workflow/report`.

    One label alone: with several, results can be turned into a switch that leaves the page blank.
    """
    return report(
        file,
        caption=f"../workflow/report/{caption}",
        category=section_of(Path(file).stem),
        labels={"result": result},
    )


def figure_files(name, caption, result):
    """The outputs of a figure: two pictures, the first of which the report shows, and the data drawn."""
    return {
        "svg": in_report(f"<results>/figures/{name}.svg", caption, result),
        "png": f"<results>/figures/{name}.png",
        "csv": f"<results>/figures/{name}.csv",
    }


def table_files(name, caption, result):
    """The outputs of a table: a page, which the report shows, and its data."""
    return {
        "html": in_report(f"<results>/tables/{name}.html", caption, result),
        "csv": f"<results>/tables/{name}.csv",
    }


TEMPLATES = home.file("src/gandl/figures/tables/templates")


def templates(*names):
    """Templates of a page, and what every page includes."""
    return [f"{TEMPLATES}/{name}" for name in (*names, "page.css.jinja")]


COUNTING = FeaturizerName.CELL_COUNT.value
NUCLEI = (
    [f"<results>/normalization/{SCREEN}/{COUNTING}.{RAW}.wells.parquet"]
    if COUNTING in FEATURIZERS
    else []
)  # profiles that count nuclei
RXRX19A = SCREEN == Dataset.RXRX19A
ALL_COUNTERPARTS = [BASELINE, CONV_AE, TRAINED_BY_FOLD]
COUNTERPARTS = [name for name in ALL_COUNTERPARTS if name in FEATURIZERS]
PRESET = "config/config.yaml"
FEATURIZED = f"embeddings.featurizers ({PRESET})"
FIGURES = {
    "figure_1": (bool(FEATURIZERS), FEATURIZED),
    "figure_samples": (bool(FEATURIZERS), FEATURIZED),
    "figure_training": (bool(FEATURIZERS), FEATURIZED),
    "figure_s_training": (bool(FEATURIZERS), FEATURIZED),
    "figure_s_reconstructions": (
        CONV_AE in FEATURIZERS,
        f"conv_ae among embeddings.featurizers ({PRESET})",
    ),
    "figure_s_counterparts": (
        bool(COUNTERPARTS),
        f"{', '.join(ALL_COUNTERPARTS[:-1])} or {ALL_COUNTERPARTS[-1]} among embeddings.featurizers ({PRESET})",
    ),
    "figure_featurizers": (requested("controls"), f"the question controls ({PRESET})"),
    "figure_axes": (PLATE, "the plate BBBC013 (config/bbbc013.yaml)"),
    "figure_plate": (
        PLATE or requested("treatments"),
        f"the plate BBBC013 (config/bbbc013.yaml), or the question treatments ({PRESET})",
    ),
    "figure_treatments": (
        requested("treatments"),
        f"the question treatments ({PRESET})",
    ),
    "figure_2": (
        requested("controls") and RXRX19A and OF_PAPER in FEATURIZERS,
        f"RxRx19a, the question controls, and {OF_PAPER} among embeddings.featurizers ({PRESET})",
    ),
    "figure_3": (
        requested("cell_model") and bool(of_run([*PAPER_PANELS, *BESIDE])),
        f"the cells HRCE and VERO of RxRx19a and the question cell_model ({PRESET})",
    ),
    "figure_4": (
        requested("controls") and RXRX19A and bool(of_run(PAPER_PANELS)),
        f"RxRx19a, the question controls, and {' or '.join(PAPER_PANELS)} among embeddings.featurizers ({PRESET})",
    ),
    "figure_s_drugs": (
        requested("dose_response") and RXRX19A,
        f"RxRx19a and the question dose_response ({PRESET})",
    ),
    "figure_dose_response": (
        requested("dose_response") and not RXRX19A,
        "another screen than RxRx19a and the question dose_response (config/bbbc013.yaml)",
    ),
    "figure_5": (
        requested("cell_type") and bool(of_run(PAPER_MATRICES)),
        f"RxRx1 and the question cell_type ({PRESET})",
    ),
    "figure_s_confusion": (
        requested("cell_type") and bool(OTHER_MATRICES),
        f"RxRx1, the question cell_type, and featurizers beside those of figure_5 ({PRESET})",
    ),
    "figure_calibration": (
        requested("calibration"),
        f"a simulated screen and the question calibration ({PRESET})",
    ),
    "figure_s_layout": (
        requested("layout"),
        f"the question layout ({PRESET})",
    ),
    "preprint_figure_5": (
        requested("screening") and RXRX19A and OF_PAPER in FEATURIZERS,
        f"RxRx19a, the question screening, and {OF_PAPER} among embeddings.featurizers ({PRESET})",
    ),
    "preprint_figure_6": (
        requested("cell_type") and bool(of_run(PREPRINT_MATRICES)),
        f"RxRx1, the question cell_type, and {' or '.join(PREPRINT_MATRICES)} among embeddings.featurizers ({PRESET})",
    ),
    "preprint_figure_7": (RXRX19A and bool(FEATURIZERS), f"RxRx19a ({PRESET})"),
    "table_featurizers": (requested("controls"), f"the question controls ({PRESET})"),
    "table_treatments": (
        requested("treatments"),
        f"the question treatments ({PRESET})",
    ),
    "table_1": (
        requested("controls") and RXRX19A,
        f"RxRx19a and the question controls ({PRESET})",
    ),
    "preprint_table_1": (
        requested("controls") and RXRX19A,
        f"RxRx19a and the question controls ({PRESET})",
    ),
    "table_s_strict": (requested("controls"), f"the question controls ({PRESET})"),
    "compounds": (requested("screening"), f"the question screening ({PRESET})"),
    **dict.fromkeys(
        ("figure_mechanism", "table_mechanism"),
        (
            requested("mechanism") and bool(EXPORTED),
            "wells that name mechanisms (moa), and the question mechanism",
        ),
    ),
    **{
        f"comparison_{name}": (
            COMPARING and is_drawn,
            f"the section comparison{needs} (config/comparison.yaml)",
        )
        for name, is_drawn, needs in (
            ("table_1", bool(SETUPS_TRAINED), ""),
            ("table_2", True, ""),
            ("figure_3", True, ""),
            ("figure_4", True, ""),
            ("figure_5", True, ""),
            (
                "figure_6",
                bool(RECONSTRUCTED),
                ", with unsupervised or regularized among its paradigms",
            ),
            (
                "figure_7",
                bool(CLUSTERED),
                ", with self_supervised among its paradigms",
            ),
            ("figure_ranking", len(SETUPS) > 1, " with several setups"),
            (
                "figure_truth",
                bool(PAIRS["opposite"]),
                ", where it names an opposite pair",
            ),
        )
    },
}  # whether a figure or table is drawn, and what one that is not would need


ONCE_TRAINED = {
    name: f"<results>/models/{name}/seed_{recipe.seed}"
    for name, recipe in ((BASELINE, RECIPE), (CONV_AE, CONV_AE_RECIPE))
    if name in COUNTERPARTS
}  # folders of the counterparts that have one training


QUESTIONS_DRAWN = QUESTIONS_TRAINED if TRAINED_BY_FOLD in COUNTERPARTS else []


def drawn(kind):
    """The figures, or the tables (whatever is no figure), of this run: those of every screen, and of the requested questions."""
    return [
        name
        for name, (is_drawn, _) in FIGURES.items()
        if is_drawn and ("figure" if "figure" in name else "table") == kind
    ]


def where_drawn(name):
    """An input of a figure that needs no file; where the figure does not apply to this run, it is refused before anything runs."""
    is_drawn, needs = FIGURES[name]

    def refused(wildcards):
        raise ConfigError(
            f"{name} does not apply to the run {cfg.run} ({', '.join(DATASETS)}): it needs {needs}; "
            f"this run has {', '.join([*drawn('figure'), *drawn('table')])}"
        )

    return [] if is_drawn else refused


def shown_stores(dataset):
    """Stores whose wells are shown as examples: the first of every cell type, by the first part of its name."""
    first = {}
    for store in STORES[dataset]:
        first.setdefault(store.partition("-")[0], store)
    return list(first.values())[:6]


def example_manifests():
    """Manifests of the stores whose wells are shown as examples."""
    return [
        manifest
        for dataset in DATASETS
        for manifest in collect(
            "<results>/images/{dataset}/{store}.manifest.json",
            dataset=dataset,
            store=shown_stores(dataset),
        )
    ]
