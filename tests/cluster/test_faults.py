"""Whatever a cluster does to a training, it ends with the weights of an undisturbed one: by itself, or at the same command.

All faults happen at the same time, each to a training of its own, on nodes that have room for one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import torch

from cluster_project import WEIGHTS, ClusterProject, Training, tensors
from local_slurm import NODES, LocalSlurm, wait_until

ENDS = 900
"""Seconds until a disturbed training has ended, beside all others."""
ANOTHER = "is being written by another process"
RESUMED = "resuming from the checkpoint of step "


def cancelled(training: Training) -> None:
    run = training.start()
    training.slurm.command("scancel", training.trains())
    run.ends_well(ENDS)


def out_of_memory(training: Training) -> None:
    training.start("--set-resources", "training:mem_mb=350*attempt**2").ends_well(ENDS)


def over_its_time(training: Training) -> None:
    run = training.start()
    job = training.trains()
    training.slurm.command("scontrol", "update", f"jobid={job}", "timelimit=1")
    run.ends_well(ENDS)


def preempted(training: Training) -> None:
    run = training.start()
    node = training.node(training.trains())
    urgent = ("sbatch", "--partition=urgent", f"--nodelist={node}", "--exclusive", "--mem=100", "--output=/dev/null")
    training.slurm.command(*urgent, "--wrap=sleep 5")
    run.ends_well(ENDS)


def without_its_node(training: Training) -> None:
    run = training.start()
    node = training.node(training.trains())
    training.slurm.lose_node(node)
    try:
        run.ends_well(ENDS)
    finally:
        training.slurm.start_node(node)


def without_its_controller(training: Training) -> None:
    run = training.start()
    training.trains()
    training.slurm.stop_controller()
    time.sleep(20)
    training.slurm.start_controller()
    training.goes_on()
    run.ends_well(ENDS)


def without_its_main_process(training: Training) -> None:
    training.start()
    training.trains()
    training.runs[-1].kill()
    training.project.snakemake("--unlock", "--configfile", "config/tiny.yaml")
    run = training.start()
    training.until("the second job waits for the first one", lambda: ANOTHER in training.log)
    training.goes_on()
    run.ends_well(ENDS)


def refused(training: Training) -> None:
    run = training.start("--set-resources", "training:slurm_partition='closed'")
    training.until(
        "the submission is refused more often than a job may fail", lambda: training.refusals.count("refused") > 2
    )
    training.slurm.command("scontrol", "update", "partitionname=closed", "state=up")
    run.ends_well(ENDS)


FAULTS: tuple[Callable[[Training], None], ...] = (
    *(cancelled, out_of_memory, over_its_time, preempted),
    *(without_its_node, without_its_controller, without_its_main_process, refused),
)
After = Callable[[Callable[[Training], None]], Training]


@pytest.fixture(scope="module")
def unbroken(stored: ClusterProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Weights of the same training, undisturbed and without a cluster."""
    folder = tmp_path_factory.mktemp("unbroken") / "project"
    shutil.copytree(stored.folder, folder)
    done = ClusterProject(folder, None, slurm=stored.slurm).run(WEIGHTS)
    assert done.returncode == 0, done.stderr[-6000:]
    return tensors(folder / WEIGHTS)


@pytest.fixture(scope="module")
def disturbed(
    stored: ClusterProject, slurm: LocalSlurm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Callable[[Training], None], tuple[Training, Future[None]]]]:
    """A training for each fault, and its end."""
    trainings = {}
    for fault in FAULTS:
        folder = tmp_path_factory.mktemp(fault.__name__) / "project"
        shutil.copytree(stored.folder, folder)
        trainings[fault] = Training(ClusterProject(folder, None, slurm=slurm))
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        try:
            yield {fault: (training, pool.submit(fault, training)) for fault, training in trainings.items()}
        finally:  # before the threads are awaited: after an error, or Ctrl-C, they end at once
            for training in trainings.values():
                training.end()
            slurm.cancel_all()
    wait_until(lambda: slurm.states() == ["idle"] * len(NODES), 120, "all nodes are back")


@pytest.fixture
def after(
    disturbed: dict[Callable[[Training], None], tuple[Training, Future[None]]], tell: Callable[..., None]
) -> Iterator[After]:
    """Waits for the end of a training to which a fault happened; the log of the tests says what Slurm says of its jobs."""
    seen = []

    def waited(fault: Callable[[Training], None]) -> Training:
        training, end = disturbed[fault]
        seen.append(training)
        end.result()
        return training

    yield waited
    for training in seen:
        tell(*training.runs)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_cancelled_by_scancel_it_is_submitted_again_and_resumes(
    after: After, unbroken: dict[str, torch.Tensor]
) -> None:
    training = after(cancelled)
    training.until_states("CANCELLED", "COMPLETED")
    assert len({row["JobID"] for row in training.states()}) == 2
    assert training.resumed_where_it_was_stopped()
    assert same(training.tensors(), unbroken)


def test_out_of_memory_it_is_submitted_again_with_more(after: After, unbroken: dict[str, torch.Tensor]) -> None:
    training = after(out_of_memory)
    (first, *_), last = training.memory(), training.memory()[-1]
    assert last > first
    assert training.killed_for_memory()
    assert same(training.tensors(), unbroken)


def test_over_its_time_limit_it_is_submitted_again_and_resumes(after: After, unbroken: dict[str, torch.Tensor]) -> None:
    training = after(over_its_time)
    training.until_states("TIMEOUT", "COMPLETED")
    assert training.resumed_where_it_was_stopped()
    assert same(training.tensors(), unbroken)


def test_preempted_it_is_queued_again_and_resumes(after: After, unbroken: dict[str, torch.Tensor]) -> None:
    training = after(preempted)
    training.until_states("PREEMPTED", "COMPLETED")
    assert len({row["JobID"] for row in training.states()}) == 1
    assert RESUMED in training.log  # Slurm writes over what the job logged before
    assert same(training.tensors(), unbroken)


def test_with_its_node_gone_it_resumes_on_another(after: After, unbroken: dict[str, torch.Tensor]) -> None:
    training = after(without_its_node)
    training.until_states("NODE_FAIL", "COMPLETED")
    lost, other = (row["NodeList"] for row in training.states())
    assert lost != other
    assert len({row["JobID"] for row in training.states()}) == 1
    assert RESUMED in training.log
    assert same(training.tensors(), unbroken)


def test_a_restarted_controller_changes_nothing(after: After, unbroken: dict[str, torch.Tensor]) -> None:
    training = after(without_its_controller)
    training.until_states("COMPLETED")
    assert RESUMED not in training.log
    assert same(training.tensors(), unbroken)


def test_a_main_process_that_was_killed_is_started_again_beside_its_job(
    after: After, unbroken: dict[str, torch.Tensor]
) -> None:
    training = after(without_its_main_process)
    training.until_states("COMPLETED", "COMPLETED")
    assert ANOTHER in training.log
    assert same(training.tensors(), unbroken)


def test_a_submission_that_is_refused_for_a_while_is_tried_again(
    after: After, unbroken: dict[str, torch.Tensor]
) -> None:
    training = after(refused)
    training.until_states("COMPLETED")
    assert "Required partition not available" in training.refusals
    assert same(training.tensors(), unbroken)
