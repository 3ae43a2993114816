"""The command line. Nothing heavy is imported until a command runs."""

from mcsgd.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    app()
