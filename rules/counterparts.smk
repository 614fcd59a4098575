"""What the rules of the counterparts need: where their models lie, what they are trained on, the ImageNet weights they rest on; and of
the one that is trained on a question's labels, anew for every fold (`imagenet_collapsed`), its models.
"""

TRAINED_BY_FOLD = FeaturizerName.IMAGENET_COLLAPSED.value


EXPORTED = [name for name in FEATURIZERS if name != TRAINED_BY_FOLD]


QUESTIONS_OF_FOLDS = [question.value for question in Question]


ANSWERED_BY = [
    name if name in QUESTIONS_OF_FOLDS else "controls"
    for name in QUESTIONS
    if name != QuestionName.MECHANISM.value  # which no model of folds answers
]
QUESTIONS_TRAINED = [name for name in QUESTIONS_OF_FOLDS if name in ANSWERED_BY]


def folds_of(*questions):
    """The manifests of the models of questions' folds, of those that are requested; none where no such network is compared."""
    if TRAINED_BY_FOLD not in FEATURIZERS:
        return []
    return [
        f"<results>/models/{TRAINED_BY_FOLD}-{question}/folds.json"
        for question in questions
        if requested(question)
    ]


def screen_of(question):
    """The screen of which a question with splits is asked."""
    return "rxrx1" if question == QuestionName.CELL_TYPE else SCREEN


def stores_of_question(wildcards):
    """The manifests of the stores of a question's screen."""
    return manifests_of(screen_of(wildcards.question))


def table_of_question(table):
    """A function of wildcards: a table (`sites`, `splits`) of a question's screen."""

    def path(wildcards):
        return f"<results>/source/{screen_of(wildcards.question)}/{table}.parquet"

    return path


def embeddings_of_folds(wildcards):
    """The embeddings of a question's folds, of all stores of a screen."""
    return collect(
        "<results>/embeddings/{dataset}/imagenet_collapsed-{question}/{store}.parquet",
        dataset=wildcards.dataset,
        question=wildcards.question,
        store=STORES[wildcards.dataset],
    )


def profiles_for(question, unit, method=None):
    """A function of wildcards: a featurizer's profiles that answer a question; of a network that was trained for it, the folds'.

    `method` : by default the wildcard.
    """

    def path(wildcards):
        name = wildcards.featurizer
        name = f"{name}-{question}" if name == TRAINED_BY_FOLD else name
        ending = f"{method or wildcards.method}.{unit}.parquet"
        return f"<results>/normalization/{screen_of(question)}/{name}.{ending}"

    return path


RECIPE = cfg.counterparts.baseline


BASELINE_MODEL = f"<results>/models/{BASELINE}/seed_{RECIPE.seed}"
BASELINE_WEIGHTS = f"{BASELINE_MODEL}/weights.safetensors"


CONV_AE_RECIPE = cfg.counterparts.conv_ae


CONV_AE_MODEL = f"<results>/models/{CONV_AE}/seed_{CONV_AE_RECIPE.seed}"


CONV_AE_PERCEPTUAL = (
    CONV_AE_RECIPE.perceptual.network.value if CONV_AE_RECIPE.perceptual.weight else ""
)


FAMILY_CODE = dict.fromkeys(("dcgan", "lsgan", "wgan"), "convolutional") | {
    "began": "equilibrium",
    "bigan": "inference",
    "vae": "coding",
    "cytogan_autoencoder": "coding",
}  # modules of the objectives of CytoGAN's families


def recipe_of_family(wildcards):
    """The recipe of a family of CytoGAN."""
    return settings(FAMILIES[wildcards.family])


def objective_of_family(wildcards):
    """The objective of a family of CytoGAN, which has its name."""
    return wildcards.family


def code_of_family(wildcards):
    """The hash of the code that trains a family of CytoGAN: the engine's, the objective's and its measures'."""
    kind = FAMILY_CODE[wildcards.family]
    looks = "reconstruction" if kind == "coding" else "cytogan.generated"
    return code_version(
        "gandl.models.engine.training",
        f"gandl.models.objectives.cytogan.{kind}",
        f"gandl.models.looks.{looks}",
    )


def weights_of_family(wildcards):
    """The weights of a family of CytoGAN."""
    seed = FAMILIES[wildcards.family].seed
    return f"<results>/models/{wildcards.family}/seed_{seed}/weights.safetensors"


def featurizers_of_family(wildcards):
    """The featurizer of a family of CytoGAN, which has its name."""
    return [wildcards.family]


def code_of_family_embeddings(wildcards):
    """The hash of the code that embeds with a family of CytoGAN."""
    return code_of([wildcards.family])


SEEDS = {
    **dict.fromkeys(FEATURIZERS, cfg.training.seed),
    BASELINE: RECIPE.seed,
    CONV_AE: CONV_AE_RECIPE.seed,
    TRAINED_BY_FOLD: cfg.counterparts.collapsed.seed,
    **{name: recipe.seed for name, recipe in FAMILIES.items()},
}  # of the training behind each featurizer, for tables; networks without one draw their weights by GAN-DL's


def training_seed(wildcards):
    """The seed of the training behind a featurizer, for the table of its numbers."""
    return SEEDS[wildcards.featurizer]


def stores_of_baseline():
    """The manifests of RxRx1, which the baseline is trained on; none where the run does not have it."""
    return manifests_of("rxrx1") if "rxrx1" in STORES else []


def pretrained_weights(network):
    """The downloaded ImageNet weights of a network; none where they come with a package."""
    listed = [entry.file for entry in downloads_of("imagenet", CATALOGUE)]
    if network not in listed:
        return []
    return [f"<shared>/{official('imagenet', network)}"]


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
    entry = download_at(location, CATALOGUE)
    state = state_of_copy(Path(SHARED, location), location, cfg.mirror)
    found = {"url": entry.url, "size": entry.bytes, "sha256": entry.sha256}
    return {**found, **({"copied": state} if state else {})}
