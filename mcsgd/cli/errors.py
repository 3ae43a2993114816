"""From exceptions to messages and exit codes: 0 done, 1 the work failed, 2 wrong use or input."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer

from mcsgd.errors import BusyError, FileFormatError, InputError, McsgdError, McsgdWarning, OutputExistsError

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

Command = TypeVar("Command", bound=Callable[..., Any])


def reported(command: Command) -> Command:
    """Turn this package's exceptions, warnings and log into lines on standard error, and exit codes.

    Any other exception is a bug, ours or in the user's own functions, and keeps its traceback.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings(), _logged():
            warnings.simplefilter("always", McsgdWarning)
            warnings.showwarning = _show_warning
            try:
                command(*args, **kwargs)
            except (InputError, OutputExistsError, FileFormatError, BusyError) as error:
                _fail(error, WRONG_INPUT)
            except McsgdError as error:
                _fail(error, FAILED)
            except KeyboardInterrupt as error:
                _say(str(error) or "interrupted")
                raise typer.Exit(INTERRUPTED) from None

    return wrapper  # type: ignore[return-value]


@contextmanager
def _logged() -> Iterator[None]:
    """Write what the library logs, from level INFO on, while a command runs."""
    import logging

    logger, handler = logging.getLogger("mcsgd"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _fail(error: McsgdError, code: int) -> None:
    for line in str(error).splitlines():
        _say(f"error: {line}")
    raise typer.Exit(code) from None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")


def _say(line: str) -> None:
    typer.echo(line, err=True)
