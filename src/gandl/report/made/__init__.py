"""made: configuration, code, inputs, benchmark files, rows of the audit -> how a run was made: provenance.json, costs, RO-Crate,
landing page and sentences for the captions of Snakemake's report, rule graph; the audit's table as readers see it. Computes no
result."""

__all__ = ["beside", "costs", "crate", "graph", "landing", "page", "printed", "provenance", "sections"]
