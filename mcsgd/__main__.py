"""`python -m mcsgd` is the command line."""

from mcsgd.cli import main

main()
