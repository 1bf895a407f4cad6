"""Libraries that only some formats need: imported when asked for, with a way out where they are missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from jaxarc.errors import RenderError

__all__ = ["import_extra", "require_extra"]


def import_extra(module: str, extra: str, what: str) -> ModuleType:
    """Return a module that an extra of the package brings along.

    Args:
        module: what to import.
        extra: the extra that installs it.
        what: what needs it, for the message ("PDF").

    Raises:
        RenderError: it is not installed; the message says how to get it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise RenderError(
            f"{what} needs the package {error.name}, which is not installed: "
            f"pip install 'jaxarc-toolkit[{extra}]'"
        ) from error


def require_extra(module: str, extra: str, what: str) -> None:
    """Raise what `import_extra` would, without the time that the import takes."""
    if find_spec(module) is None:
        raise RenderError(
            f"{what} needs the package {module}, which is not installed: "
            f"pip install 'jaxarc-toolkit[{extra}]'"
        )
