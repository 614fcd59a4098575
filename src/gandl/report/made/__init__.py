"""made: configuration, code, inputs, benchmark files, the audit's rows -> how a run was made: provenance.json, costs, the RO-Crate,
the landing page of Snakemake's report and the sentences of its captions, the rule graph. Computes no result."""

__all__ = ["beside", "costs", "crate", "graph", "landing", "provenance", "sections"]
