"""What every stage shares: the checked configuration, the paths, and the sets of stores and featurizers."""

from gandl.code_version import code_version
from gandl.config import FeaturizerName, Normalization, load_config
from gandl.report.captions import caption_counts
from gandl.source.catalogue import downloads_of, stores_of

cfg = load_config(config)

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
    featurizer="|".join(name.value for name in FeaturizerName),
    seed=r"\d+",
    trained="|".join(TRAINED),
    method="|".join(method.value for method in Normalization),


def settings(section):
    """A section of the configuration as plain values, so that Snakemake sees its changes."""
    return section.model_dump(mode="json")


def drawn_featurizer():
    """The featurizer of the figures that show one: all blocks of GAN-DL where it is compared, else the first."""
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
    "normalization": METHOD,
    "featurizer": DRAWN,
    "featurizers": FEATURIZERS,
    "bootstrap": cfg.evaluation.bootstrap,
    "confidence": cfg.evaluation.confidence,
    "images": cfg.training.images,
    "crop": cfg.training.network.crop,
    "resolution": cfg.training.resolution,
    "seed": cfg.training.seed,
    "development_rows": cfg.source.development_rows,
    "platemap": cfg.source.platemap,
    **caption_counts(cfg.source.platemap, DATASET, cfg.source.development_rows),
}
