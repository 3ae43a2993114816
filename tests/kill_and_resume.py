"""Run the same work again and again, killed by SIGKILL at random times; compare its bytes with those at once.

Arguments: a folder, how many kills, and what: a run, or a study. Prints JSON. A program of its own, since it forks.
"""

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

from kept import bytes_of, many_shards

from mcsgd import Settings, problems, simulate, simulation, study

TOY = problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
SETTINGS = Settings(0.05, epochs=2, trajectories=20_000, seed=3, snapshots=(1,), paths=40)


VARY = {"step_size": [0.05, 0.025], "sampling": ["random-order", "with-replacement"]}


def run(path, workers=2):
    with many_shards():
        simulate(TOY, [1.2, 0.7], SETTINGS, path, block_size=400, workers=workers)


def run_study(path, workers=2):
    """Of four points, one of them exact, in many leaves of the tree of moments."""
    simulation.leaf_size = lambda problem, settings: 640
    with many_shards():
        study(TOY, [1.2, 0.7], SETTINGS, VARY, path=path, workers=workers)


WORK = {"run": run, "study": run_study}


def killed(work, path, delay):
    """Run in a process of its own, and kill it after a while; tell whether it was still running."""
    child = os.fork()
    if child == 0:
        try:
            work(path)
        finally:
            os._exit(0)
    time.sleep(delay)
    running = os.waitpid(child, os.WNOHANG)[0] == 0
    if running:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        running = os.WIFSIGNALED(status)
    return running


def main(folder, wanted, work):
    plain = folder / "plain.h5"
    work(plain, workers=1)
    expected, kills, runs = bytes_of(plain), 0, 0
    generator = random.Random(0)
    begin = time.perf_counter()
    work(folder / "timed.h5")
    longest = time.perf_counter() - begin
    while kills < wanted:
        path = folder / f"run{runs}.h5"
        while killed(work, path, generator.uniform(0, 0.7 * longest)):
            kills += 1
            if kills == wanted:
                work(path)
                break
        if bytes_of(path) != expected:
            sys.exit(f"other bytes in {path} after {kills} kills")
        if path.with_name(f"{path.name}.parts").exists():
            sys.exit(f"the parts of {path} were not removed")
        runs += 1
    sys.stdout.write(json.dumps({"kills": kills, "runs": runs}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]), WORK[sys.argv[3]])
