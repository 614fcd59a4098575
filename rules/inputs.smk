"""What the rules need: inputs, parameters and targets that depend on the screens and the questions of a run, stage by stage."""


include: "counterparts.smk"


# source


def simulation_of_rxrx(wildcards):
    """The settings of the simulator, without the sizes of other screens, which do not change RxRx19a and RxRx1."""
    found = settings(cfg.source).get("simulation")
    return found and {**found, "cell_lines": None, "bbbc021": None}


def simulation_of_bbbc021(wildcards):
    """The settings of the simulator that decide its BBBC021."""
    found = settings(cfg.source).get("simulation")
    return found and {"seed": found["seed"], "bbbc021": found["bbbc021"]}


def entry_of(wildcards):
    """What decides a download: address, official size and checksum (a simulated file has neither)."""
    entry = download_at(f"{wildcards.host}/{wildcards.path}", CATALOGUE)
    if cfg.simulated:
        return {"url": entry.url, "size": None, "sha256": None}
    return {"url": entry.url, "size": entry.bytes, "sha256": entry.sha256}


def copy_of(wildcards):
    """The same, and the state of the mirror's file that is copied, where a folder is the mirror: a repaired file is noticed.

    It depends on wildcards alone, since Snakemake does not compare a parameter that depends on outputs.
    """
    if cfg.simulated:
        return entry_of(wildcards)
    location = f"{wildcards.host}/{wildcards.path}"
    state = state_of_copy(Path(SHARED, location), location, cfg.mirror)
    return {**entry_of(wildcards), **({"copied": state} if state else {})}


def tables_of(dataset):
    """A screen's own small tables, which are not downloaded: a plate map, or a lab's tables."""
    section = getattr(cfg.source, dataset)
    if dataset == Dataset.BBBC013:
        return [home.found(section.platemap)]
    if dataset == Dataset.PLATES:
        return files_of_tables(section)
    return []


def raw_sites(wildcards):
    """What the sites table of a screen is made from."""
    if wildcards.dataset in (Dataset.BBBC013, *OWN_FILES):
        return tables_of(wildcards.dataset)
    if wildcards.dataset == Dataset.BBBC021:
        return [
            f"<downloads>/{official('bbbc021', file)}" for file in TABLES_OF_BBBC021
        ]
    metadata = f"<downloads>/{official(wildcards.dataset, 'metadata')}"
    variants = [home.file("resources/compound_variants.csv")]
    return [metadata, *(variants if wildcards.dataset == Dataset.RXRX19A else [])]


def source_settings(wildcards):
    """The settings of a screen's source that decide its sites table."""
    return settings(
        getattr(cfg.source, wildcards.dataset),
        exclude={"images_from", "image_px", "z", "time", "scale", "released_width"},
    )


def folder_of_images(wildcards):
    """The names of a lab's images, if sites are named by files in a folder: Snakemake does not track folders."""
    return state_of_names(cfg.source, wildcards.dataset)


def source_code(wildcards):
    """The code of a screen's source."""
    dataset = wildcards.dataset
    if dataset in OWN_FILES:
        return code_version(f"gandl.source.{dataset}.sites")
    reader = "bbbc021.sites" if dataset == Dataset.BBBC021 else dataset
    return code_version(f"gandl.source.screens.{reader}")


# images

IMAGE_KEYS = {"images_from", "image_px", "pixel_size_um"}


PIXEL_KEYS = {"z", "time", "scale", "illumination"}


def archive_of(wildcards):
    """The image archive, if it is on this machine as a file of the run: BBBC013's zip, or what the simulator drew."""
    if wildcards.dataset == Dataset.BBBC013:
        return [f"<downloads>/{official(wildcards.dataset, 'images')}"]
    if cfg.simulated:
        return [f"<simulator>/{images_at(wildcards.dataset, wildcards.store)}"]
    return []


def directory_of(wildcards):
    """The central directory of an image archive that is read by its members."""
    section = getattr(cfg.source, wildcards.dataset)
    if getattr(section, "images_from", None) != ImagesFrom.ARCHIVE:
        return []
    archive = images_at(wildcards.dataset, wildcards.store)
    return [f"<downloads>/{archive}.members.parquet"]


def address_of(wildcards):
    """The address of an image archive that is read by its members, or beside which the single images are; else none."""
    if wildcards.dataset not in SIMULATED:
        return None
    return images_of(wildcards.dataset, wildcards.store, CATALOGUE).url


def packing(wildcards):
    """What decides the bytes of a store; the way they are transferred does not."""
    section = getattr(cfg.source, wildcards.dataset)
    transport = {"connections", "gap_kibibytes", "whole_archive", "resolutions"}
    return {
        "resolutions": cfg.images.resolutions[Dataset(wildcards.dataset)],
        "images": settings(cfg.images, exclude=transport),
        "source": settings(section, include={*IMAGE_KEYS, *PIXEL_KEYS}),
        "files": state_of_store(cfg.source, wildcards.dataset, wildcards.store),
    }


def packing_code(wildcards):
    """The code that decodes and packs a screen's images."""
    packers = dict.fromkeys(SIMULATED, "rxrx") | dict.fromkeys(OWN_FILES, "plates")
    packers[Dataset.BBBC021] = "bbbc021"
    packer = packers.get(wildcards.dataset, wildcards.dataset)
    return code_version(f"gandl.images.screens.{packer}")


def plates_of_export(wildcards):
    """The plates of a store that are exported; none named: all."""
    return plates_to_export(cfg.ome_zarr, STORES).get(wildcards.store, [])


def exports(wildcards):
    """What an export writes for every store that holds one of its plates; a plate that does not exist is refused before anything runs."""
    return collect(
        "<results>/images/ome_zarr/{dataset}/{store}.manifest.json",
        dataset=screen_to_export(cfg.ome_zarr, STORES),
        store=plates_to_export(cfg.ome_zarr, STORES),
    )


# embeddings


def screen_of_floors(wildcards):
    """The screen whose channels the floors take, as the trained network does. Nothing else of its other stores counts.

    A lab may add channels to its plates; channels of published screens are fixed.
    """
    stores = manifests_of(SCREEN)
    if SCREEN == Dataset.PLATES and wildcards.dataset != SCREEN:
        return stores
    own = f"<results>/images/{wildcards.dataset}/{wildcards.store}.manifest.json"
    return [store if store == own else ancient(store) for store in stores]


def is_complete(dataset):
    """Whether a run takes the whole published screen, so that every published embedding has its site."""
    section = getattr(cfg.source, dataset)
    if section is None or section.stores:
        return False
    return section.complete and getattr(section, "wells", Wells.ALL) == Wells.ALL


RELEASED_WIDTH = {
    "rxrx19a": cfg.source.rxrx19a.released_width if cfg.source.rxrx19a else None,
    "rxrx1": cfg.source.rxrx1.released_width if cfg.source.rxrx1 else None,
}


# normalization


def embeddings_of(wildcards):
    """One featurizer's embeddings of all stores of a screen."""
    return collect(
        "<results>/embeddings/{dataset}/{featurizer}/{store}.parquet",
        dataset=wildcards.dataset,
        featurizer=wildcards.featurizer,
        store=STORES[wildcards.dataset],
    )


def fitting(wildcards):
    """The settings that decide how a method is fitted."""
    return cfg.normalization.of(Normalization(wildcards.method))


def memory_of_fit(wildcards, attempt):
    """Memory to fit a method: of one store, or a matrix of all features beside it, and its decomposition."""
    whitens = (Normalization.SPHERIZE, Normalization.TVN)
    return of_attempt(
        "6GB" if wildcards.method in whitens else "2GB", wildcards, attempt
    )


def profiles_of_run(ending):
    """Profiles of every featurizer that has one vector of a well: of the screen by every normalisation, of the others raw, as their questions take them."""
    return [
        profiles
        for dataset in DATASETS
        for profiles in collect(
            "<results>/normalization/{dataset}/{featurizer}.{method}.{ending}",
            dataset=dataset,
            featurizer=EXPORTED,
            method=METHODS if dataset == SCREEN else Normalization.NONE.value,
            ending=ending,
        )
    ]


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


def by_featurizer(question, of="", method=METHOD, names=None):
    """A table of an evaluation for every featurizer, or for some: its numbers, or what else it wrote (`of`, such as ".curves")."""
    return collect(
        "<results>/evaluation/{question}/{featurizer}.{method}{of}.parquet",
        question=question,
        featurizer=FEATURIZERS if names is None else names,
        method=method,
        of=of,
    )


RAW = Normalization.NONE.value


CROSSFIT = Normalization.NEGATIVE_CROSSFIT.value


GLOBAL = [method for method in METHODS if method == Normalization.GLOBAL]


STANDARDISED_ONCE = [
    method.value for method in Normalization if method.value != CROSSFIT
]


OF_MECHANISM = {
    *("bootstrap", "confidence", "permutations"),
    *("mechanism_aggregate", "mechanism_controls"),
}


RECOGNITION = (
    [f"<results>/evaluation/recognition/{BASELINE}.parquet"]
    if BASELINE in FEATURIZERS
    else []
)


SCORE_CURVES = (
    ["<results>/evaluation/calibration/score_curves.parquet"]
    if requested("calibration")
    else []
)


NUMBERS = [
    *RECOGNITION,
    *answers("controls", METHODS),
    *answers("dose_response", METHOD),
    *answers("treatments", METHOD),
    *answers("screening", METHOD),
    *answers("layout", METHOD),
    *answers("cell_model", RAW),
    *answers("cell_model", GLOBAL, EXPORTED),
    *answers("cell_type", RAW),
    *answers("cell_type", GLOBAL, EXPORTED),
    *answers("calibration", METHOD),
    *answers("mechanism", METHODS, EXPORTED),
    *SCORE_CURVES,
    *collect("<results>/evaluation/comparison/{setup}.parquet", setup=SETUPS),
]


def compared(question, method, of=""):
    """Held-out scores or answers of every featurizer to a question (`scores`: of the controls), if it is requested."""
    asked = "controls" if question == "scores" else question
    return by_featurizer(question, of, method) if requested(asked) else []


COMPARED = requested("controls") or requested("cell_model") or requested("cell_type")


COMPARISONS = (
    ["<results>/evaluation/comparisons/floors.parquet"]
    if COMPARED and 0 < len(floors_among(FEATURIZERS)) < len(FEATURIZERS)
    else []
)
