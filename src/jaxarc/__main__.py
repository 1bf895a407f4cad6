"""``python -m jaxarc``."""

from jaxarc.cli import main

main()
