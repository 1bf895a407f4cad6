"""``--env module:factory``: the environment that a user names."""

from __future__ import annotations

import inspect
import os
import sys
from importlib import import_module
from typing import Any

from jaxarc.errors import ReplayError, closest
from jaxarc.replay import ReplaySystem

__all__ = ["env_named"]

_EXAMPLE = "such as --env my_envs:make_env"


def env_named(name: str, run: ReplaySystem) -> Any:
    """Return the environment, or the step function, that ``module:attribute`` stands for.

    The module may lie in the current directory. An attribute with ``step`` and ``reset`` is an environment,
    a function of a state and an action is a step; anything else is called, with the run where it takes one
    argument, and returns one of these.

    Args:
        name: ``module:attribute``.
        run: the run that is verified.

    Raises:
        ReplayError: there is no such module or attribute, or it makes no environment.
    """
    module_name, colon, attribute = name.partition(":")
    if not (colon and module_name and attribute):
        raise ReplayError(f"--env takes module:factory, {_EXAMPLE}; got {name!r}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module_name)
    except Exception as error:
        raise ReplayError(
            f"--env {name}: module {module_name} cannot be imported ({_said(error)}); it is looked for in "
            f"{here} and among what is installed"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [known for known in vars(found) if not known.startswith("_")]
            raise ReplayError(f"--env {name}: {module_name} has no {part}{closest(part, known)}")
        found = getattr(found, part)
    return _made(found, name, run)


def _made(found: Any, name: str, run: ReplaySystem) -> Any:
    if _is_env(found):
        return found
    if not callable(found):
        raise ReplayError(
            f"--env {name} is a {type(found).__name__}; name an environment, a step function, or a function "
            f"that returns one, {_EXAMPLE}"
        )
    needed = _needed_arguments(found)
    if needed >= 2 and not isinstance(found, type):
        return found  # the step itself
    try:
        made = found(run) if needed == 1 else found()
    except Exception as error:
        raise ReplayError(f"--env {name} raised {_said(error)} when it was called") from error
    if not (_is_env(made) or callable(made)):
        raise ReplayError(
            f"--env {name} returned a {type(made).__name__}; it returns an environment (reset and step), or "
            "a step function of a state, an action and, where it needs one, a key"
        )
    return made


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _is_env(found: Any) -> bool:
    return hasattr(found, "step") and hasattr(found, "reset") and not isinstance(found, type)


def _needed_arguments(function: Any) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0  # a callable that Python cannot look into
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in positional and each.default is each.empty for each in parameters)
