"""What every stage shares: the checked configuration, the paths, and the sets of stores and featurizers."""

from gandl.code_version import code_version
from gandl.config import FeaturizerName, Normalization
from gandl.config_check import load_config
from gandl.environments import share_source
from gandl.report.captions import caption_counts
from gandl.source.catalogue import download_at, downloads_of, stores_of

cfg = load_config(config)

share_source()

DATASET = cfg.source.dataset.value
STORES = stores_of(DATASET, "resources/stores.csv")
ARCHIVES = [
    str(download.path) for download in downloads_of(DATASET, "resources/datasets.csv")
]
METHOD = cfg.normalization.method.value
TRAINED = [FeaturizerName.GANDL.value, FeaturizerName.GANDL_BLOCKS.value]
FLOORS = [
    FeaturizerName.GANDL_UNTRAINED.value,
    FeaturizerName.INTENSITY.value,
    FeaturizerName.SEGMENTATION.value,
]
FEATURIZERS = [name.value for name in cfg.embeddings.featurizers]


pathvars:
    results=f"results/{cfg.run}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",
    downloads="results/downloads",


wildcard_constraints:
    dataset=DATASET,
    store="|".join(STORES),
    path=r".+(?<!\.origin\.json)",
    featurizer="|".join(name.value for name in FeaturizerName),
    seed=r"\d+",
    trained="|".join(TRAINED),
    method="|".join(method.value for method in Normalization),


def settings(section, **fields):
    """A section of the configuration as plain values, so that Snakemake sees its changes; `include` or `exclude` keys."""
    return section.model_dump(mode="json", **fields)


def entry_of(wildcards):
    """What decides a download: address, official size and checksum."""
    entry = download_at(f"{wildcards.host}/{wildcards.path}", "resources/datasets.csv")
    return {"url": entry.url, "size": entry.bytes, "sha256": entry.sha256}


def caption(*keys):
    """What a caption states: the counts of wells and the choice of features, and of the other settings only those named."""
    return {**CAPTION, **{key: CAPTION_SETTINGS[key] for key in keys}}


def drawn_featurizer():
    """The featurizer of the figures that show one: the blocks of GAN-DL where they are compared, else the first."""
    return TRAINED[1] if TRAINED[1] in FEATURIZERS else FEATURIZERS[0]


DRAWN = drawn_featurizer()

NUMBERS = [
    *collect(
        "<results>/evaluation/controls/{featurizer}.{method}.parquet",
        featurizer=FEATURIZERS,
        method=[method.value for method in cfg.normalization.methods],
    ),
    *collect(
        "<results>/evaluation/dose_response/{featurizer}.{method}.parquet",
        featurizer=FEATURIZERS,
        method=METHOD,
    ),
]

CAPTION = {
    "dataset": DATASET,
    "platemap": cfg.source.platemap,
    "development_rows": cfg.source.development_rows,
    "normalization": METHOD,
    "featurizer": DRAWN,
    "featurizers": FEATURIZERS,
    "blocks": cfg.embeddings.blocks,
    "block_statistics": [
        statistic.value for statistic in cfg.embeddings.block_statistics
    ],
    **caption_counts(cfg.source.platemap, DATASET, cfg.source.development_rows),
}

CAPTION_SETTINGS = {
    "bootstrap": cfg.evaluation.bootstrap,
    "confidence": cfg.evaluation.confidence,
    "images": cfg.training.images,
    "crop": cfg.training.network.crop,
    "resolution": cfg.training.resolution,
    "seed": cfg.training.seed,
}
