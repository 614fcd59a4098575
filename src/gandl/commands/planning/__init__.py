"""planning: what `gandl plan` knows beside the configuration. Takes a target of the workflow, asks Snakemake which jobs it needs
(a dry run: nothing is downloaded), makes numbers of them: jobs and what they request, work of trainings, sizes of tables.
"""

__all__ = ["jobs", "requests", "sizes", "storage", "work"]
