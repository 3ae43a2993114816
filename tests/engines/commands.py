"""Commands that run beside a test, all of which end with it, and what they have written."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import h5py
import pytest

T = TypeVar("T")

MARK = "MCSGD_TEST_COMMANDS"
"""A variable in the environment of every command, and so of every process that comes from one."""

LINUX = Path("/proc/self/environ").exists()
"""Processes are found by their environment, which no other system shows."""


class Commands:
    """Runs commands in `folder`, finds their processes, and ends them all.

    `environment` is added to this process's; the programs of this Python come first on the path.
    """

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder, self._mark = folder, uuid.uuid4().hex
        self._started: list[subprocess.Popen] = []
        path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"]
        added = {"PATH": os.pathsep.join(path), MARK: self._mark}
        self.environment = {**os.environ, **(environment or {}), **added}

    def __enter__(self) -> "Commands":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def run(self, *command: object, code: int | None = 0, timeout: float = 120) -> str:
        """Run a command to its end, check its exit code unless that is None, and return what it printed."""
        return self.finish(self.start(*command), code, timeout)

    def start(self, *command: object) -> subprocess.Popen:
        """Start a command; what it prints goes to a file, which `output` reads."""
        with self._log(len(self._started)).open("w") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen, code: int | None = 0, timeout: float = 120) -> str:
        """Wait for the end of a command that was started; otherwise as `run`."""
        words = " ".join(process.args)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{words}: still runs after {timeout} s\n{self.output(process)}")
        if code is not None and process.returncode != code:
            pytest.fail(f"{words}: exit code {process.returncode}, not {code}\n{self.output(process)}")
        return self.output(process)

    def output(self, process: subprocess.Popen) -> str:
        """Return what a command has printed so far, on both of its streams."""
        return self._log(self._started.index(process)).read_text()

    def _log(self, number: int) -> Path:
        return self.folder / f"command-{number}.log"

    def processes(self, *variables: str) -> list[int]:
        """Return the ids of running processes that come from the commands, and have these NAME=VALUE set."""
        wanted = {f"{MARK}={self._mark}".encode(), *(variable.encode() for variable in variables)}
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if wanted <= _environment(entry)]

    def end(self, patience: float = 10) -> None:
        """Kill what is left of the commands, whoever started it."""

        def ended() -> bool:
            left = self.processes()
            for process in left:
                kill(process)
            return all(process.poll() is not None for process in self._started) and not left

        until(ended, patience, "killed processes to end")


def _environment(process: Path) -> set[bytes]:
    try:  # that of a process which has ended, and waits for its parent to hear of it, is empty
        return set((process / "environ").read_bytes().split(b"\0"))
    except OSError:  # gone, or another user's
        return set()


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def until(condition: Callable[[], T], timeout: float, what: str, logs: Callable[[], str] = str) -> T:
    """Return what `condition` returns as soon as that is true; fail if it is not in time."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout} s for {what}\n{logs()}")
        time.sleep(0.02)
    return result


def parts(output: Path) -> list[Path]:
    """Return the finished parts of a run, or of a study's runs: files named by their range of trajectories."""
    return sorted(Path(f"{output}.parts").rglob("*[0-9]-[0-9]*.h5"))


def check_same(commands: Commands, output: Path, plain: Path, holds: str = "endpoints") -> None:
    """Check that a run or a study is whole, and has every byte of the one made by one process."""
    commands.run("mcsgd", "verify", output)
    assert not Path(f"{output}.parts").exists()
    expected = _datasets(plain)
    assert expected[holds]
    assert any("statistics/" in name for name in expected)
    assert _datasets(output) == expected


def _datasets(path: Path) -> dict[str, bytes]:
    found = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with h5py.File(path) as file:
        file.visititems(keep)
    return found
