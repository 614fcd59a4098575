"""What the rules of a network need that is trained on a question's labels, anew for every fold (`imagenet_collapsed`)."""

TRAINED_BY_FOLD = FeaturizerName.IMAGENET_COLLAPSED.value


EXPORTED = [name for name in FEATURIZERS if name != TRAINED_BY_FOLD]


QUESTIONS_OF_FOLDS = [question.value for question in Question]


ANSWERED_BY = [name if name in QUESTIONS_OF_FOLDS else "controls" for name in QUESTIONS]
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
