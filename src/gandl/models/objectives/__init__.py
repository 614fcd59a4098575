"""objectives: what is learned. Takes batches of real crops, makes one optimisation step after another and, at any moment, a
model; the engine drives every objective by the same interface (`gandl.models.objectives.objective`).
"""

__all__ = ["adversaries", "gan", "gan_work", "kinds", "losses", "objective", "troubles"]
