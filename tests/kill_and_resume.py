"""Run the same simulation again and again, killed by SIGKILL at random times; compare its bytes with a plain run.

Arguments: a folder, and how many kills. Prints JSON. A program of its own, since it forks.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from kept import bytes_of, many_shards

from mcsgd import Settings, problems, simulate

TOY = problems.ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
SETTINGS = Settings(0.05, epochs=2, trajectories=20_000, seed=3, snapshots=(1,), paths=40)


def run(path):
    with many_shards():
        simulate(TOY, [1.2, 0.7], SETTINGS, path, block_size=400, workers=2)


def killed(path, delay):
    """Run in a process of its own, and kill it after a while; tell whether it was still running."""
    child = os.fork()
    if child == 0:
        try:
            run(path)
        finally:
            os._exit(0)
    time.sleep(delay)
    running = os.waitpid(child, os.WNOHANG)[0] == 0
    if running:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        running = os.WIFSIGNALED(status)
    return running


def main(folder, wanted):
    plain = folder / "plain.h5"
    simulate(TOY, [1.2, 0.7], SETTINGS, plain, workers=1)
    expected, kills, runs = bytes_of(plain), 0, 0
    generator = random.Random(0)
    begin = time.perf_counter()
    run(folder / "timed.h5")
    longest = time.perf_counter() - begin
    while kills < wanted:
        path = folder / f"run{runs}.h5"
        while killed(path, generator.uniform(0, 0.7 * longest)):
            kills += 1
            if kills == wanted:
                run(path)
                break
        if bytes_of(path) != expected:
            sys.exit(f"other bytes in {path} after {kills} kills")
        if path.with_name(f"{path.name}.parts").exists():
            sys.exit(f"the parts of {path} were not removed")
        runs += 1
    sys.stdout.write(json.dumps({"kills": kills, "runs": runs}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
