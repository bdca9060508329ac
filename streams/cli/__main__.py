"""``python -m streams.cli``: the command line."""

from streams.cli.main import main

main()
