"""commands: `gandl plan`, `gandl check`, `gandl evaluate` and `gandl finish`. Takes a configuration or tables, prints what a run
will move and make, what is wrong with a lab's plates, what its own embeddings show, and what a run found.
"""

__all__ = ["check", "evaluate", "plan"]
