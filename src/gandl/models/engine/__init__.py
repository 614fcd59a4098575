"""engine: how a training runs. Takes stores, settings and an objective, makes all its steps, checkpoints, roll-backs and looks,
on one process or many, and resumes bit for bit after a kill.
"""

__all__ = ["checkpoint", "launch", "training", "worker"]
