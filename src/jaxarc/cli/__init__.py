"""The command ``jaxarc``."""

from __future__ import annotations

import gc
import os
import sys
from typing import cast

__all__ = ["main"]

_INTERRUPTED = 130
_NO_READER = 141


def main() -> None:
    """Run the command line and exit.

    The exit code is 0 for what was done, 1 where the answer is no, 2 for a mistake, which is one message on
    stderr, 130 for Ctrl-C and 141 where the reader of a pipe went away.
    """
    try:
        code = _run()
        sys.stdout.flush()
        gc.freeze()  # what ends with the process is not searched for what could be freed
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (jaxarc ls | head): there is nobody left to tell.
        code = _NO_READER
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run() -> int:
    if not {"rollout", "bench", "verify"} & set(sys.argv[1:2]):
        # Starting the threads of NumPy's linear algebra takes a quarter of its import; nothing else uses it.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import typer

    from jaxarc.cli.app import app_for
    from jaxarc.errors import JaxArcError

    # Of typer, or of the click that an older one stands on.
    usage_error = cast(type[Exception], typer.BadParameter.__mro__[1])
    try:
        return app_for(sys.argv[1:])(prog_name="jaxarc", standalone_mode=False) or 0
    except JaxArcError as error:
        return _refused(str(error))
    except typer.Abort:
        return _INTERRUPTED
    except usage_error as error:
        message = error.format_message().rstrip(".")  # pyright: ignore[reportAttributeAccessIssue]
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "jaxarc"
        return _refused(f"{message[:1].lower()}{message[1:]}; {command} --help has examples")
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _refused(f"{where}{error.strerror or error}")


def _refused(message: str) -> int:
    from rich.text import Text

    from jaxarc.cli.terminal import terminal

    terminal(stderr=True).print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    return 2
