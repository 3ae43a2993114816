"""`python -m mcsgd` is the command line."""

from mcsgd.cli import main

if __name__ == "__main__":  # the ranks of mpi4py.futures import this module too
    main()
