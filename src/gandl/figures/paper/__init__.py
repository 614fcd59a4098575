"""paper: the figures of Mascolini et al. 2022 under its numbers. Takes image stores, a training's samples and what evaluation
wrote, draws figures 1 to 5, with what the paper shows in its place and what is ours beside it.
"""

__all__ = ["confusion", "drug_curves", "drugs", "examples", "overview", "spaces"]
