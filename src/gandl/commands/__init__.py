"""commands: `gandl plan`, `gandl check`, `gandl evaluate`, `gandl finish` and `gandl dag`.

Takes a configuration or tables, prints what a run will move and make, what is wrong with a lab's plates, what its own embeddings
show, and what a run found; draws its rules.
"""

__all__ = ["check", "dag", "evaluate", "plan"]
