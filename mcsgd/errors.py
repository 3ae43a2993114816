"""Every exception that mcsgd raises on purpose; all derive from `McsgdError`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = [
    "BusyError",
    "DivergedError",
    "FileFormatError",
    "IncompleteError",
    "InputError",
    "Issue",
    "McsgdError",
    "McsgdWarning",
    "MissingExtraError",
    "NewerFormatError",
    "OutputExistsError",
    "WriteError",
]


class McsgdError(Exception):
    """Root of all exceptions of this package."""


class McsgdWarning(UserWarning):
    """Root of all warnings of this package."""


class Issue(NamedTuple):
    """One thing wrong with the input: the argument's name and what was expected and came."""

    argument: str
    message: str

    def __str__(self) -> str:
        return f"{self.argument}: {self.message}"


class InputError(McsgdError, ValueError):
    """Wrong input, found before anything was computed. `issues` lists all that was found.

    Parameters
    ----------
    issues : iterable of Issue, or of (argument, message) pairs
        At least one.
    """

    def __init__(self, issues: Iterable[tuple[str, str]]) -> None:
        self.issues = [Issue(*issue) for issue in issues]
        super().__init__("\n".join(str(issue) for issue in self.issues))

    def located(self, places: Mapping[str, str], default: str = "") -> InputError:
        """Return the same issues under the names they have in an experiment file."""

        def place(argument: str) -> str:
            name, dot, rest = argument.partition(".")
            return places.get(name, default + name) + dot + rest

        return InputError((place(issue.argument), issue.message) for issue in self.issues)


class OutputExistsError(McsgdError, FileExistsError):
    """The output is there already; it was not touched."""


class BusyError(McsgdError):
    """Another process works on the same output; nothing was touched."""


class IncompleteError(McsgdError):
    """Trajectories of a run are missing."""


class WriteError(McsgdError, OSError):
    """A result could not be written, for lack of space, say."""


class FileFormatError(McsgdError):
    """The file is not one of ours, is damaged, or was written by a newer format."""


class NewerFormatError(FileFormatError):
    """The file was written by a newer major format, or for a newer random stream: it is not damaged."""


class DivergedError(McsgdError):
    """A statistic was asked for that does not exist because trajectories diverged."""


class MissingExtraError(McsgdError, ImportError):
    """A package is not installed that only an extra of this package brings."""
