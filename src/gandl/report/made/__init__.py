"""How a run was made: configuration, code, inputs and benchmark files -> provenance.json, costs by stage and rule, the
RO-Crate, the landing page of Snakemake's report, the rule graph. Reads files that others wrote; computes no result."""

__all__ = ["beside", "costs", "crate", "graph", "landing", "provenance"]
