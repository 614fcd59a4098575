"""What the rules of the counterparts need: where their models lie, what they are trained on, the ImageNet weights they rest on."""

RECIPE = cfg.counterparts.baseline


BASELINE_MODEL = f"<results>/models/{BASELINE}/seed_{RECIPE.seed}"
BASELINE_WEIGHTS = f"{BASELINE_MODEL}/weights.safetensors"


CONV_AE_RECIPE = cfg.counterparts.conv_ae


CONV_AE_MODEL = f"<results>/models/{CONV_AE}/seed_{CONV_AE_RECIPE.seed}"


CONV_AE_PERCEPTUAL = (
    CONV_AE_RECIPE.perceptual.network.value if CONV_AE_RECIPE.perceptual.weight else ""
)


SEEDS = {
    **dict.fromkeys(FEATURIZERS, cfg.training.seed),
    BASELINE: RECIPE.seed,
    CONV_AE: CONV_AE_RECIPE.seed,
    TRAINED_BY_FOLD: cfg.counterparts.collapsed.seed,
}  # of the training behind each featurizer, for tables; networks without one draw their weights by GAN-DL's


def training_seed(wildcards):
    """The seed of the training behind a featurizer, for the table of its numbers."""
    return SEEDS[wildcards.featurizer]


def stores_of_baseline():
    """The manifests of RxRx1, which the baseline is trained on; none where the run does not have it."""
    return manifests_of("rxrx1") if "rxrx1" in STORES else []


def pretrained_weights(network):
    """The downloaded ImageNet weights of a network; none where they come with a package."""
    listed = [
        entry.file for entry in downloads_of("imagenet", "resources/datasets.csv")
    ]
    if network not in listed:
        return []
    return [f"{DOWNLOADS}/{official('imagenet', network)}"]


def weights_of_channels():
    """The downloaded ImageNet weights of the network that sees each channel alone; its untrained twin needs none."""
    concatenated = FeaturizerName.IMAGENET_CONCATENATED.value in FEATURIZERS
    return pretrained_weights(NETWORK) if concatenated else []


def imagenet_files():
    """The downloaded ImageNet weights of this run."""
    return [
        file
        for network in cfg.imagenet_networks
        for file in pretrained_weights(network.value)
    ]


def pretrained_copy(wildcards):
    """What decides the download of such weights: address, published digits of its sha256, and a mirror's file that is copied."""
    location = f"download.pytorch.org/{wildcards.path}"
    entry = download_at(location, "resources/datasets.csv")
    state = state_of_copy(Path(DOWNLOADS, location), location, cfg.mirror)
    found = {"url": entry.url, "size": entry.bytes, "sha256": entry.sha256}
    return {**found, **({"copied": state} if state else {})}
