"""Make the figures of the gallery, or those named, and print what each claims and what was measured.

    python scripts/gallery/run.py [--size 0.1] [-o FOLDER] [NAME ...]

Exits 1 if a figure does not show what it claims.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from paper import FOLDER
from rich.console import Console
from rich.table import Table

NAMES = (
    "backward_error",
    "clouds",
    "orders",
    "replacement",
    "batch_size_law",
    "two_minima",
    "flat_valley",
    "explicit",
    "substeps",
    "designs",
    "covariance",
    "momentum",
    "stationary",
    "reach",
)


def main() -> None:
    """Make them in turn, in one process, so that what is compiled for one serves the next."""
    parser = argparse.ArgumentParser(description="Make the figures of the gallery.")
    parser.add_argument("--size", type=float, default=1.0, help="of ensembles and ladders; 0.1 for a look")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder for .svg and .png")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no figure is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    table, failures = Table("figure", "claim", "measured", "seconds", title="Gallery"), []
    for name in chosen.names or NAMES:
        begin = time.perf_counter()
        try:
            claims = importlib.import_module(name).main(chosen.size, chosen.output)
        except SystemExit as error:
            failures.append(str(error))
            table.add_row(name, "[red]failed[/red]", str(error), f"{time.perf_counter() - begin:.1f}")
            continue
        for i, claim in enumerate(claims):
            seconds = f"{time.perf_counter() - begin:.1f}" if i == 0 else ""
            table.add_row(name if i == 0 else "", claim.text, claim.measured, seconds)
    Console(width=118).print(table)
    print(f"Written to {chosen.output}")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
