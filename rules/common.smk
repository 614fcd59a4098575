"""What every stage shares: the folder of the workflow, the checked configuration, the paths, and the sets of screens, stores,
featurizers and questions."""

from functools import partial
from pathlib import Path

from gandl.workflow.code_version import code_version
from gandl.config import (
    SIMULATED,
    TRAINED as TRAINED_BY_RUN,
    Dataset,
    FeaturizerName,
    ImagesFrom,
    Normalization,
    QuestionName,
    Wells,
    floors_among,
    recipes_of_cytogan,
)
from gandl.config.check import ConfigError, load_config
from gandl.embeddings.kinds import MODULES
from gandl.images.export.choice import plates_to_export, screen_to_export
from gandl.workflow.environments import share_gpus, share_source
from gandl.workflow.home import home_of
from gandl.workflow.machines.rates import start_at_once
from gandl.workflow.machines.requests import grown
from gandl.workflow.made_of import (
    codes,
    commit_of,
    outputs,
    page_files,
    purposes,
    workflow_files,
    workflow_sources,
)
from gandl.report.captions import (
    NO_COUNTS,
    caption_counts,
    comparison_caption,
    conv_ae_caption,
    hits_note,
    imagenet_in_words,
    normalizations_in_words,
    zero_shot_note,
)
from gandl.report.made.sections import of_paper, section_of
from gandl.source.catalogue import download_at, downloads_of, file_of, images_of
from gandl.source.schemes import WHOLE as LEFT_OUT_WHOLE, Question
from gandl.source.remote.copies import state_of_copy
from gandl.source.own_files import OWN_FILES, state_of_names, state_of_store
from gandl.source.plates.stores import files_of_tables
from gandl.source.simulator.plan import stores_of_simulation
from gandl.source.stores import stores_of_run, training_stores

home = home_of(workflow.current_basedir.get_basedir())

share_source(home.folder)


if "source" not in config:

    configfile: home.file("config/config.yaml")


container: home.file("envs/gandl.sif")  # only with `--sdm apptainer`; docs/deployment.md


cfg = load_config(config)

share_gpus(cfg.compute.gpus)


onstart:
    start_at_once(workflow.scheduler)


TABLE = Path(home.file("resources/stores.csv"))
CATALOGUE = home.file("resources/datasets.csv")
DATASETS = [dataset.value for dataset in cfg.source.datasets]
SCREEN = cfg.source.screen.value
STORES = {
    dataset.value: stores_of_run(cfg.source, dataset, TABLE)
    for dataset in cfg.source.datasets
}
SEEN = training_stores(cfg.source, TABLE)  # of the first screen
SIMULATED_PLATES = (
    stores_of_simulation(cfg.source.simulation, Dataset.BBBC021)
    if cfg.source.simulation and cfg.source.simulation.bbbc021
    else []
)  # of BBBC021, each with an archive of its own
TABLES_OF_BBBC021 = [
    "metadata",
    "mechanisms",
    *(["compounds"] if cfg.source.bbbc021 and cfg.source.bbbc021.smiles else []),
]
METHOD = cfg.normalization.method.value
METHODS = [method.value for method in cfg.normalization.methods]
OWN_FIRST = [METHOD, *(method for method in METHODS if method != METHOD)]
FEATURIZERS = [name.value for name in cfg.embeddings.featurizers]
TRAINED = [name.value for name in TRAINED_BY_RUN]
BASELINE = FeaturizerName.DENSENET161_ARCFACE.value
CONV_AE = FeaturizerName.CONV_AE.value
FAMILIES = recipes_of_cytogan(cfg.cytogan, cfg.embeddings.featurizers)
UNTRAINED = FeaturizerName.GANDL_UNTRAINED.value
NETWORK = cfg.embeddings.imagenet.network.value
ON_IMAGENET = [
    FeaturizerName.IMAGENET_CONCATENATED.value,
    FeaturizerName.IMAGENET_UNTRAINED.value,
]
IMAGENET = [name for name in ON_IMAGENET if name in FEATURIZERS]
FLOORS = [
    name for name in floors_among(FEATURIZERS) if name not in (UNTRAINED, *IMAGENET)
]
QUESTIONS = [question.value for question in cfg.evaluation.questions]
AT_ONCE = (  # threads of a job of which there is one per store: on a CPU two stores on two cores take half the time
    cfg.compute.threads
    if cfg.compute.gpus
    else max(1, cfg.compute.threads // sum(map(len, STORES.values())))
)

SEVERAL_NODES = (  # of a Slurm job; `mpi`: the job starts its processes on all of them itself (gandl.models.engine.nodes)
    {
        "tasks": cfg.compute.nodes,
        "mpi": "srun",
        **(
            {
                "slurm_extra": f"--gpus-per-node={cfg.compute.gpus // cfg.compute.nodes}",
                "tasks_per_gpu": 0,  # else as many tasks for each GPU
            }
            if cfg.compute.gpus
            else {}
        ),
    }
    if cfg.compute.nodes > 1
    else {}
)


pathvars:
    results=f"results/{cfg.run}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",
    simulator="<results>/source/simulator",
    shared="results/downloads",  # of all runs
    downloads="<results>/downloads" if cfg.simulated else "<shared>",


wildcard_constraints:
    dataset="|".join(DATASETS),
    store=r"[^/]+",
    path=r".+(?<!\.origin\.json)(?<!\.members\.parquet)",
    featurizer="|".join(name.value for name in FeaturizerName),
    seed=r"\d+",
    family="|".join(FAMILIES) or "-",  # none
    method="|".join(method.value for method in Normalization),


def located(path):
    """A path on the disk, its pathvars replaced: a workflow that uses this one may have given them other values."""
    return workflow.pathvars.apply(path)


SHARED = located("<shared>")


def official(dataset, file):
    """`<host>/<path>` of a screen's published file."""
    return str(file_of(dataset, file, CATALOGUE).path)


def images_at(dataset, store):
    """`<host>/<path>` of the archive that holds a store's images."""
    return str(images_of(dataset, store, CATALOGUE).path)


def settings(section, **fields):
    """A section of the configuration as plain values, so that Snakemake sees its changes; `include` or `exclude` keys."""
    return section.model_dump(mode="json", **fields)


def calls(function):
    """The function that a script calls, by its full name, and the hash of the code behind it: two parameters of a rule."""
    code = code_version(function.rpartition(".")[0], "gandl.workflow.calls")
    return {"calls": function, "code": code}


def code_of(featurizers):
    """The hash of the code that embeds with some featurizers: each one's own counts, and no other's."""
    modules = {MODULES[FeaturizerName(name)] for name in featurizers}
    return code_version("gandl.embeddings.embed", *modules)


def growing(amount):
    """Memory or time of a job: as much more at each attempt, where a profile (`retries`) submits what failed again."""
    return partial(of_attempt, amount)


def of_attempt(amount, wildcards, attempt):
    """So much memory or time at the first attempt, twice as much at the second one, within what the profile's site has."""
    return grown(amount, attempt)


def manifests_of(dataset, stores=None):
    """The manifests of a screen's image stores, or of some of them."""
    return collect(
        "<results>/images/{dataset}/{store}.manifest.json",
        dataset=dataset,
        store=STORES[dataset] if stores is None else stores,
    )


def requested(question):
    """Whether the configuration requests a question."""
    return QuestionName(question).value in QUESTIONS
