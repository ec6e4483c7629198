"""`python -m cli` is the same as `python -m cli.main`."""

from cli.main import main

main()
