"""A real Slurm on this machine alone: controller, node and munge, in one folder, on free ports."""

import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.commands import LINUX, Commands, until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SBIN = "/usr/sbin"
CPUS = 2
"""Of the node, whatever the machine has: of an array of more tasks some must wait."""

CONFIGURATION = """
ClusterName=one
FirstJobId={first_job}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
InactiveLimit=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why there can be no Slurm here; empty if there can."""
    if not LINUX:
        return "Slurm needs Linux"
    if os.geteuid() != 0:
        return "Slurm's daemons need root"
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    absent = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    return f"no {', '.join(absent)}: scripts/ci_tools.sh installs Slurm" if absent else ""


class SlurmDownError(Exception):
    """The daemons do not come up."""


class Slurm:
    """Jobs on a Slurm that runs, submitted from `folder`; all are cancelled at the end."""

    def __init__(self, daemons: Commands, folder: Path) -> None:
        self._daemons = daemons
        self.commands = Commands(folder, {"SLURM_CONF": str(daemons.folder / "slurm.conf")})

    def __enter__(self) -> "Slurm":
        return self

    def __exit__(self, *_: object) -> None:
        with self.commands:
            self.commands.run("scancel", "--user=root")
            until(lambda: not self.commands.run("squeue", "-h"), 30, "cancelled jobs to end", self.logs)

    def sbatch(self, script: Path, *arguments: object, options: tuple[object, ...] = ()) -> str:
        """Submit a script and return its job's id."""
        return self.commands.run("sbatch", "--parsable", *options, script, *arguments).strip()

    def states(self, job: str) -> dict[str, str]:
        """Return the states of a job's tasks that have not ended: {"12_3": "RUNNING"}, or {"12": ...}."""
        listed = self.commands.run("squeue", "-h", "--array", "-o", "%i %T", "-j", job, code=None)
        return dict(re.findall(r"^(\d+(?:_\d+)?) (\w+)$", listed, re.MULTILINE))

    def wait(self, job: str, timeout: float = 120) -> None:
        """Wait until no task of a job waits or runs."""
        until(lambda: not self.states(job), timeout, f"the end of job {job}", self.logs)

    def property(self, task: str, name: str) -> str:
        """Return what Slurm says of a job or a task: its ExitCode, its JobState, ..."""
        shown = self.commands.run("scontrol", "show", "job", task)
        return re.search(rf"\b{name}=(\S+)", shown)[1]

    def cancel(self, task: str) -> None:
        """Cancel a job, or one task of an array."""
        self.commands.run("scancel", task)

    def logs(self) -> str:
        """Return the ends of the jobs' and the daemons' logs."""
        jobs = [f"{log.name}\n{log.read_text()[-2000:]}" for log in self.commands.folder.glob("slurm-*.out")]
        return "\n".join([*jobs, _logs(self._daemons.folder)])


@contextmanager
def running(folder: Path, timeout: float = 30) -> Iterator[Commands]:
    """Start the daemons of a Slurm that keeps all it has in `folder`, and end them.

    Raises
    ------
    SlurmDownError
        If it does not come up in time; the message has its logs.
    """
    _configure(folder)
    with Commands(folder, {"SLURM_CONF": str(folder / "slurm.conf")}) as commands:
        deadline = time.monotonic() + timeout
        munge = [
            f"--{name}={folder}/munge.{name}" for name in ("socket", "key-file", "pid-file", "seed-file")
        ]
        # --force, for others may not enter the folder, nor need they.
        commands.start("munged", "--foreground", "--force", *munge)
        _until_up((folder / "munge.socket").exists, deadline, folder)
        commands.start("slurmctld", "-D", "-c")
        commands.start("slurmd", "-D")
        state = ("sinfo", "-h", "-o", "%T")  # with a star while the node does not answer
        _until_up(lambda: commands.run(*state, code=None) == "idle\n", deadline, folder)
        yield commands


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key-file"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    with socket.socket() as one, socket.socket() as other:
        for port in (one, other):
            port.bind(("127.0.0.1", 0))
        ports = {"controller_port": one.getsockname()[1], "node_port": other.getsockname()[1]}
    host = socket.gethostname().split(".")[0]
    # MPICH names shared memory after the job: one of the same number that was killed must not be found.
    numbers = {**ports, "cpus": CPUS, "first_job": 1 + secrets.randbelow(10**6)}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, **numbers))


def _until_up(condition: Callable[[], bool], deadline: float, folder: Path) -> None:
    while not condition():
        if time.monotonic() > deadline:
            raise SlurmDownError(f"Slurm does not come up\n{_logs(folder)}")
        time.sleep(0.05)


def _logs(folder: Path) -> str:
    """Return the ends of the daemons' logs, the first commands of all."""
    logs = [folder / f"command-{number}.log" for number in range(3)]
    return "\n".join(log.read_text()[-2000:] for log in logs if log.exists())
