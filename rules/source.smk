"""source: a screen's metadata (or a lab's table, or the simulator) become `sites.parquet` and `splits.parquet`.

REQUIRED  resources/datasets.csv; the official host, `mirror:`, a lab's own table, or only a seed (simulated screens)
MAKES     <simulator>/<host>/<path> (simulated screens: files of the distributed format, and truth.parquet),
          <downloads>/<host>/<path>, its central directory <path>.members.parquet where it is read by its members,
          <shared>/download.pytorch.org/<path> (ImageNet weights that come with no package),
          <results>/source/{dataset}/sites.parquet and splits.parquet
"""


rule simulate_rxrx19a:
    """Draw the simulated RxRx19a: metadata zip and image zip in the distributed format, and its known truth."""
    output:
        metadata=f"<simulator>/{official('rxrx19a', 'metadata')}",
        images=f"<simulator>/{official('rxrx19a', 'images')}",
        truth="<results>/source/rxrx19a/truth.parquet",
    log:
        "<logs>/source/simulate_rxrx19a.log",
    benchmark:
        "<benchmarks>/source/simulate_rxrx19a.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: cfg.compute.threads
    resources:
        mem=growing("3GB"),
        runtime=growing("2h"),
    params:
        dataset="rxrx19a",
        settings=simulation_of_rxrx,
        code=code_version("gandl.source.simulator.rxrx19a"),
    script:
        "../workflow/scripts/simulate.py"


use rule simulate_rxrx19a as simulate_rxrx1 with:
    """Draw the simulated RxRx1: metadata zip and image zip in the distributed format, and its known truth."""
    output:
        metadata=f"<simulator>/{official('rxrx1', 'metadata')}",
        images=f"<simulator>/{official('rxrx1', 'images')}",
        truth="<results>/source/rxrx1/truth.parquet",
    log:
        "<logs>/source/simulate_rxrx1.log",
    benchmark:
        "<benchmarks>/source/simulate_rxrx1.jsonl"
    params:
        dataset="rxrx1",
        code=code_version("gandl.source.simulator.rxrx1"),


use rule simulate_rxrx19a as simulate_cell_lines with:
    """Draw the simulated cell lines: metadata zip and image zip in the format of RxRx1, and their known truth."""
    output:
        metadata=f"<simulator>/{official('cell_lines', 'metadata')}",
        images=f"<simulator>/{official('cell_lines', 'images')}",
        truth="<results>/source/cell_lines/truth.parquet",
    log:
        "<logs>/source/simulate_cell_lines.log",
    benchmark:
        "<benchmarks>/source/simulate_cell_lines.jsonl"
    params:
        dataset="cell_lines",
        settings=settings(cfg.source).get("simulation"),
        code=code_version("gandl.source.simulator.cell_lines"),


use rule simulate_rxrx19a as simulate_bbbc021 with:
    """Draw the simulated BBBC021: its three tables and a zip per plate in the distributed format, and their known truth."""
    output:
        metadata=f"<simulator>/{official('bbbc021', 'metadata')}",
        mechanisms=f"<simulator>/{official('bbbc021', 'mechanisms')}",
        compounds=f"<simulator>/{official('bbbc021', 'compounds')}",
        images=[
            f"<simulator>/{images_at('bbbc021', store)}" for store in SIMULATED_PLATES
        ],
        truth="<results>/source/bbbc021/truth.parquet",
    log:
        "<logs>/source/simulate_bbbc021.log",
    benchmark:
        "<benchmarks>/source/simulate_bbbc021.jsonl"
    params:
        dataset="bbbc021",
        settings=simulation_of_bbbc021,
        code=code_version("gandl.source.simulator.bbbc021"),


rule download:
    """Download one official file; resumes, retries, checks size and checksum, honours `mirror:`."""
    input:
        simulated=branch(cfg.simulated, then="<simulator>/{host}/{path}", otherwise=[]),
    output:
        archive="<downloads>/{host}/{path}",
        origin="<downloads>/{host}/{path}.origin.json",
    log:
        "<logs>/source/download/{host}/{path}.log",
    benchmark:
        "<benchmarks>/source/download/{host}/{path}.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="12h",
    params:
        entry=copy_of,  # address, size, checksum and copied file alone decide a download: no code, or 445 GB would move again
    script:
        "../workflow/scripts/download.py"


use rule download as pretrained with:
    """Download ImageNet weights, of simulated runs too; checked by the digits of their sha256 that are published."""
    input:
        simulated=[],
    output:
        archive="<shared>/download.pytorch.org/{path}",
        origin="<shared>/download.pytorch.org/{path}.origin.json",
    log:
        "<logs>/source/pretrained/{path}.log",
    benchmark:
        "<benchmarks>/source/pretrained/{path}.jsonl"
    localrule: True
    params:
        entry=pretrained_copy,
        otherwise="if it cannot be had, leave what reads it (imagenet_*, conv_ae) out of embeddings.featurizers",


ruleorder: pretrained > download


rule directory:
    """Read the central directory of an image archive, so that each store fetches only its own members."""
    input:
        simulated=branch(cfg.simulated, then="<simulator>/{host}/{path}", otherwise=[]),
    output:
        directory="<downloads>/{host}/{path}.members.parquet",
    log:
        "<logs>/source/directory/{host}/{path}.log",
    benchmark:
        "<benchmarks>/source/directory/{host}/{path}.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="2h",
    params:
        entry=entry_of,
    script:
        "../workflow/scripts/download.py"


rule sites:
    """Turn a screen's metadata, plate map or table into the sites table, one row per field of view."""
    input:
        raw=raw_sites,
    output:
        sites="<results>/source/{dataset}/sites.parquet",
    log:
        "<logs>/source/{dataset}_sites.log",
    benchmark:
        "<benchmarks>/source/{dataset}_sites.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="30m",
    params:
        settings=source_settings,
        images=folder_of_images,
        code=source_code,
    script:
        "../workflow/scripts/sites.py"


rule splits:
    """Decide once, before any network, which wells may be trained on and which are tested, per question."""
    input:
        sites="<results>/source/{dataset}/sites.parquet",
    output:
        splits="<results>/source/{dataset}/splits.parquet",
    log:
        "<logs>/source/{dataset}_splits.log",
    benchmark:
        "<benchmarks>/source/{dataset}_splits.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="30m",
    params:
        development_rows=cfg.source.development_rows,
        test_share=cfg.evaluation.test_share,
        seed=cfg.seed,
        questions=QUESTIONS,
        code=code_version("gandl.source.splits"),
    script:
        "../workflow/scripts/splits.py"
