"""The error of this stage: one sentence that says what does not fit, where, and what would."""


class EmbeddingError(ValueError):
    """A featurizer cannot be made, or cannot embed a store."""
