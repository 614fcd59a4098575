"""commands: `gandl plan`, `gandl check` and `gandl finish`. Takes a configuration, prints what a run will move and make, what is
wrong with a lab's plates, and what a run found.
"""

__all__ = ["check", "plan"]
