"""The command line. Nothing heavy is imported until a command runs."""

import atexit
import gc

from mcsgd.cli import (  # noqa: F401 - add their commands
    file_commands,
    report_commands,
    study_command,
    theory_commands,
)
from mcsgd.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    gc.set_threshold(100_000)  # imports make many objects and no garbage: a tenth of a small job's time
    atexit.register(gc.freeze)  # nor is there any at the end: without this, leaving takes another seventh
    app()
