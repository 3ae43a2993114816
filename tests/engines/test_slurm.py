"""The job scripts on a real Slurm."""

import re
import sys

import pytest
from engines.commands import check_same, parts, until

pytestmark = pytest.mark.slow


@pytest.fixture
def submit(slurm, scripts, experiment, output):
    """Submit the experiment as so many tasks; return the ids of the array and of the merge job."""

    def submit(tasks, *options, command="run", experiment=experiment):
        words = command, experiment, output, tasks, *options
        printed = slurm.commands.run("bash", scripts / "submit.sh", *words)
        return re.search(r"^array (\d+)\nmerge (\d+)$", printed, re.MULTILINE).groups()

    return submit


def ended(slurm, job):
    """Wait for a job; return its exit code, as Slurm has it, and what it printed."""
    slurm.wait(job)
    return slurm.property(job, "ExitCode"), (slurm.commands.folder / f"slurm-{job}.out").read_text()


def task_log(slurm, array, task):
    return (slurm.commands.folder / f"slurm-{array}_{task}.out").read_text()


def check_missing_task(slurm, submit, output, **work):
    """A missing task is named; run alone, as is said, it completes the file."""
    array, merge = submit(4, "--hold", **work)
    slurm.cancel(f"{array}_2")
    slurm.commands.run("scontrol", "release", array)
    code, printed = ended(slurm, merge)
    assert code == "1:0", printed
    assert not output.exists()
    again = printed.splitlines()[-1]
    assert again.endswith(" 4 --hold --array=2 ")

    printed = slurm.commands.run("bash", "-c", again.replace(" --hold", ""))
    (merge,) = re.findall(r"^merge (\d+)$", printed, re.MULTILINE)
    code, printed = ended(slurm, merge)
    assert code == "0:0", printed


def test_a_missing_task_is_named_and_run_alone(slurm, submit, output, plain):
    check_missing_task(slurm, submit, output)
    check_same(slurm.commands, output, plain)


def test_a_missing_task_of_a_study_is_named_and_run_alone(slurm, submit, study, output, plain_study):
    check_missing_task(slurm, submit, output, command="study", experiment=study)
    check_same(slurm.commands, output, plain_study, "mean")


def test_a_task_out_of_time_queues_again(slurm, submit, output, plain):
    array, merge = submit(1)
    until(lambda: parts(output), 60, "the first part", slurm.logs)
    slurm.commands.run("scancel", "--batch", "--signal=USR1", f"{array}_0")  # as 60 s before the time limit
    until(lambda: slurm.property(f"{array}_0", "Restarts") == "1", 60, "the requeue", slurm.logs)
    assert parts(output)
    # Slurm would wait for two minutes, counted from when it has cleaned up; and it refuses to start at once.
    until(lambda: slurm.property(f"{array}_0", "JobState") == "PENDING", 60, "the clean-up", slurm.logs)
    slurm.commands.run("scontrol", "update", f"JobId={array}_0", "StartTime=now+5seconds")
    code, printed = ended(slurm, merge)
    assert code == "0:0", printed
    assert "queues again" in task_log(slurm, array, 0)
    check_same(slurm.commands, output, plain)


def test_a_cancelled_task_keeps_what_is_finished(slurm, submit, output, plain):
    array, merge = submit(1)
    until(lambda: parts(output), 60, "the first part", slurm.logs)
    slurm.cancel(f"{array}_0")
    code, printed = ended(slurm, merge)
    assert code == "1:0", printed
    assert "not done: 0." in printed
    assert parts(output)
    assert "Traceback" not in task_log(slurm, array, 0)
    assert "interrupted" in task_log(slurm, array, 0)

    _, merge = submit(1)
    code, printed = ended(slurm, merge)
    assert code == "0:0", printed
    check_same(slurm.commands, output, plain)


def test_mpi_under_srun(slurm, experiment, output, plain):
    pytest.importorskip("mpi4py", reason="needs the extra mpi")
    srun = ["srun", "--mpi=pmi2", "--ntasks=3", "--overcommit"]
    mpi = [sys.executable, "-m", "mpi4py.futures", "-m", "mcsgd"]
    slurm.commands.run(*srun, *mpi, "run", experiment, "-o", output, "--engine", "mpi", "-q")
    check_same(slurm.commands, output, plain)
