"""`python -m tfgans` is the command `tfgans`."""

from tfgans.cli import main

main()
