"""`python -m experiments` is `melisma`."""

from experiments.cli import main

main()
