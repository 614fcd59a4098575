"""gandl: GAN-DL from raw plates to an auditable report. The table of contents: data flow down the includes, never back.
snakemake --cores all                                          everything
snakemake --cores all figure_3                                 one figure and only what it needs
snakemake --cores all --configfile config/bbbc013.yaml         another run (each configuration file is complete)
"""

from snakemake.utils import min_version

min_version("9.20")


include: "rules/common.smk"
include: "rules/comparison/inputs.smk"
include: "rules/inputs.smk"
include: "rules/drawing.smk"
include: "rules/source.smk"
include: "rules/images.smk"
include: "rules/comparison/images.smk"
include: "rules/models.smk"
include: "rules/comparison/models.smk"
include: "rules/embeddings.smk"
include: "rules/comparison/embeddings.smk"
include: "rules/normalization.smk"
include: "rules/evaluation.smk"
include: "rules/comparison/evaluation.smk"
include: "rules/figures.smk"
include: "rules/tables.smk"
include: "rules/comparison_figures.smk"
include: "rules/report.smk"


report: LANDING_PAGE


rule all:
    """Every figure, every table, the audit page and the explorer."""
    default_target: True
    input:
        rules.figures.input,
        rules.report.input,
