"""The command ``jaxarc``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; what jaxarc raises on purpose is one message and exit code 2."""
    from jaxarc.cli.app import app
    from jaxarc.errors import JaxArcError

    try:
        app()
    except JaxArcError as error:
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
        console.print("[bold red]error:[/]", end=" ")
        console.print(str(error), markup=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of a pipe went away (jaxarc ls | head): there is nobody left to tell.
        sys.stderr.close()
        sys.exit(141)
