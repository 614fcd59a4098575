"""What the rules need: inputs, parameters and targets that depend on the screens and the questions of a run, stage by stage."""

# source


def official(dataset, file):
    """`<host>/<path>` of a screen's published file."""
    return str(file_of(dataset, file, "resources/datasets.csv").path)


def entry_of(wildcards):
    """What decides a download: address, official size and checksum (a simulated file has neither)."""
    entry = download_at(f"{wildcards.host}/{wildcards.path}", "resources/datasets.csv")
    if cfg.simulated:
        return {"url": entry.url, "size": None, "sha256": None}
    return {"url": entry.url, "size": entry.bytes, "sha256": entry.sha256}


def tables_of(dataset):
    """A screen's own small tables, which are not downloaded: a plate map, or a lab's tables."""
    section = getattr(cfg.source, dataset)
    if dataset == Dataset.BBBC013:
        return [section.platemap]
    if dataset == Dataset.PLATES:
        return [path for path in (section.table, section.wells) if path]
    return []


def raw_sites(wildcards):
    """What the sites table of a screen is made from."""
    if wildcards.dataset in (Dataset.BBBC013, Dataset.PLATES):
        return tables_of(wildcards.dataset)
    metadata = f"<downloads>/{official(wildcards.dataset, 'metadata')}"
    variants = ["resources/compound_variants.csv"]
    return [metadata, *(variants if wildcards.dataset == Dataset.RXRX19A else [])]


def source_settings(wildcards):
    """The settings of a screen's source that decide its sites table."""
    return settings(
        getattr(cfg.source, wildcards.dataset), exclude={"images_from", "image_px"}
    )


def folder_of_images(wildcards):
    """The names of a lab's images, if sites are named by files in a folder: Snakemake does not track folders."""
    plates = wildcards.dataset == Dataset.PLATES
    return state_of_folder(cfg.source.plates) if plates else None


def source_code(wildcards):
    """The code of a screen's source."""
    own = wildcards.dataset == Dataset.PLATES
    return code_version(
        "gandl.source.plates.sites"
        if own
        else f"gandl.source.screens.{wildcards.dataset}"
    )


# images


def archive_of(wildcards):
    """The image archive, if it is on this machine as a file of the run: BBBC013's zip, or what the simulator drew."""
    if wildcards.dataset == Dataset.BBBC013:
        return [f"<downloads>/{official(wildcards.dataset, 'images')}"]
    if cfg.simulated:
        return [f"<simulator>/{official(wildcards.dataset, 'images')}"]
    return []


def directory_of(wildcards):
    """The central directory of an image archive that is read by its members."""
    section = getattr(cfg.source, wildcards.dataset)
    if getattr(section, "images_from", None) != ImagesFrom.ARCHIVE:
        return []
    return [f"<downloads>/{official(wildcards.dataset, 'images')}.members.parquet"]


def files_of(wildcards):
    """The state of a lab's own images of one plate, which Snakemake does not track one by one."""
    if wildcards.dataset != Dataset.PLATES:
        return None
    return states_of_stores(cfg.source.plates).get(wildcards.store)


def packing(wildcards):
    """What decides the bytes of a store; the way they are transferred does not."""
    section = getattr(cfg.source, wildcards.dataset)
    transport = {"connections", "gap_kibibytes", "whole_archive", "resolutions"}
    return {
        "resolutions": cfg.images.resolutions[Dataset(wildcards.dataset)],
        "images": settings(cfg.images, exclude=transport),
        "source": settings(
            section, include={"images_from", "image_px", "pixel_size_um"}
        ),
        "files": files_of(wildcards),
    }


def packing_code(wildcards):
    """The code that decodes and packs a screen's images."""
    rxrx = wildcards.dataset in (Dataset.RXRX19A, Dataset.RXRX1)
    return code_version(f"gandl.images.screens.{'rxrx' if rxrx else wildcards.dataset}")


# embeddings


def is_complete(dataset):
    """Whether a run takes the whole published screen, so that every published embedding has its site."""
    section = getattr(cfg.source, dataset)
    if section is None or section.stores:
        return False
    return section.complete and getattr(section, "wells", Wells.ALL) == Wells.ALL


# normalization


def embeddings_of(wildcards):
    """One featurizer's embeddings of all stores of a screen."""
    return collect(
        "<results>/embeddings/{dataset}/{featurizer}/{store}.parquet",
        dataset=wildcards.dataset,
        featurizer=wildcards.featurizer,
        store=STORES[wildcards.dataset],
    )


# evaluation


def answers(question, methods, featurizers=FEATURIZERS):
    """Tables of numbers that answer a question, if it is requested."""
    if not requested(question):
        return []
    return collect(
        "<results>/evaluation/{question}/{featurizer}.{method}.parquet",
        question=question,
        featurizer=featurizers,
        method=methods,
    )


def by_featurizer(question, of="", method=METHOD):
    """A table of an evaluation for every featurizer: its numbers, or what else it wrote (`of`, such as ".curves")."""
    return collect(
        "<results>/evaluation/{question}/{featurizer}.{method}{of}.parquet",
        question=question,
        featurizer=FEATURIZERS,
        method=method,
        of=of,
    )


RAW = Normalization.NONE.value


CROSSFIT = Normalization.NEGATIVE_CROSSFIT.value


STANDARDISED_ONCE = [
    method.value for method in Normalization if method.value != CROSSFIT
]


NUMBERS = [
    *answers("controls", METHODS),
    *answers("dose_response", METHOD),
    *answers("cell_model", RAW),
    *answers("cell_type", RAW),
    *answers("calibration", METHOD),
]


# figures

WORD = "simulated" if cfg.simulated else ""


DRAWN = TRAINED[1] if TRAINED[1] in FEATURIZERS else FEATURIZERS[0]


HELD_OUT = "leave_plate_out" if len(STORES[SCREEN]) > 1 else "leave_row_out"


PLATE = cfg.source.bbbc013 is not None


CAPTION = {
    "dataset": SCREEN,
    "word": WORD,
    "scheme": HELD_OUT,
    "platemap": cfg.source.bbbc013.platemap if PLATE else None,
    "development_rows": cfg.source.development_rows,
    "normalization": METHOD,
    "normalizations": normalizations_in_words(OWN_FIRST),
    "featurizer": DRAWN,
    "featurizers": FEATURIZERS,
    "blocks": cfg.embeddings.blocks,
    "block_statistics": [
        statistic.value for statistic in cfg.embeddings.block_statistics
    ],
    **(
        caption_counts(cfg.source.bbbc013.platemap, SCREEN, cfg.source.development_rows)
        if PLATE
        else NO_COUNTS
    ),
}


CAPTION_SETTINGS = {
    "bootstrap": cfg.evaluation.bootstrap,
    "confidence": cfg.evaluation.confidence,
    "images": cfg.training.images,
    "crop": cfg.training.network.crop,
    "resolution": cfg.training.resolution,
    "seed": cfg.training.seed,
    "held_out": cfg.training.held_out,
    "quality_crops": cfg.training.quality_crops,
    "chosen": cfg.training.weights.value,
}


def caption(*keys):
    """What a caption states: the counts of wells and the choice of features, and of the other settings only those named."""
    return {**CAPTION, **{key: CAPTION_SETTINGS[key] for key in keys}}


STYLE = "src/gandl/figures/common/gandl.mplstyle"


def in_report(file, caption, category, result):
    """A result as Snakemake's report shows it: under a category, by a label, with a caption of `workflow/report`."""
    return report(
        file,
        caption=f"../workflow/report/{caption}",
        category=category,
        labels={"result": result},
    )


def figure_files(name, caption, category, result):
    """The outputs of a figure: two pictures, the first of which the report shows, and the data drawn."""
    return {
        "svg": in_report(f"<results>/figures/{name}.svg", caption, category, result),
        "png": f"<results>/figures/{name}.png",
        "csv": f"<results>/figures/{name}.csv",
    }


def table_files(name, caption, category, result):
    """The outputs of a table: a page, which the report shows, and its data."""
    return {
        "html": in_report(f"<results>/tables/{name}.html", caption, category, result),
        "csv": f"<results>/tables/{name}.csv",
    }


def drawn_figures():
    """The figures of this run: those of every screen, and those of the requested questions."""
    drawn = ["figure_1", "figure_samples", "figure_training", "figure_s_training"]
    if requested("controls"):
        drawn += ["figure_featurizers"]
    if PLATE:
        drawn += ["figure_axes", "figure_plate"]
    if requested("cell_model"):
        drawn += ["figure_3"]
    if requested("dose_response"):
        drawn += ["figure_4"] if SCREEN == Dataset.RXRX19A else ["figure_dose_response"]
    if requested("cell_type"):
        drawn += ["figure_5"]
    if requested("calibration"):
        drawn += ["figure_calibration"]
    return drawn


def drawn_tables():
    """The tables of this run."""
    tables = ["table_featurizers"] if requested("controls") else []
    return [*tables, "table_1"] if SCREEN == Dataset.RXRX19A and tables else tables


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


# report


def unjudged_profiles():
    """Profiles of all wells that no question makes: all if none is requested, else cross-fitted ones, if they are the run's own."""
    crossfit = [CROSSFIT] if METHOD == CROSSFIT else []
    return [
        profile
        for dataset in ([SCREEN] if QUESTIONS else DATASETS)
        for profile in collect(
            "<results>/normalization/{dataset}/{featurizer}.{method}.wells.parquet",
            dataset=dataset,
            featurizer=FEATURIZERS,
            method=crossfit if QUESTIONS else METHODS,
        )
    ]


def downloaded():
    """The published files that are below the folder of downloads: metadata, an archive that is read whole, embeddings."""
    files = []
    for dataset in DATASETS:
        if dataset == Dataset.BBBC013:
            files.append(official(dataset, "images"))
        elif dataset != Dataset.PLATES:
            files.append(official(dataset, "metadata"))
            if FeaturizerName.RELEASED.value in FEATURIZERS:
                files.append(official(dataset, "embeddings"))
    return files
