"""A drawing function of the user's own, in place of the pictures of what was observed.

One function of one argument: it is given an observation, or the environment's state where its parameter is
called ``state`` and states were recorded (level ``full``), and returns pixels, any other array or tree of
arrays, or the text of an SVG::

    def render(state):
        return my_env.render(state)  # uint8[height width 3]
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import RenderError, closest
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.embedded import SvgImage
from jaxarc.rendering.leaves import changed_between, is_tree, main_leaf

__all__ = ["Render", "draw_with", "name_of", "resolve_render", "takes_state", "with_render"]

Render = Callable[[Any], Any]
"""From an observation or a state to an array, a tree of arrays, or the text of an SVG."""


def resolve_render(render: str | Render | None) -> Render | None:
    """Return a drawing function, imported where it is named as ``module:function``; None stays None.

    Modules are looked for where Python looks for them, and in the current directory.

    Raises:
        RenderError: there is no such module or function, its import fails, or it cannot be called.
    """
    if render is None or callable(render):
        return render
    return _imported(render)


@contextmanager
def _current_directory_searched() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


@lru_cache(maxsize=16)
def _imported(name: str) -> Render:
    module_name, colon, path = name.partition(":")
    if not colon or not module_name or not path:
        raise RenderError(f"render must be module:function, such as my_env.pictures:render, got {name!r}")
    try:
        with _current_directory_searched():
            found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name and not module_name.startswith(f"{error.name}."):
            raise RenderError(
                f"render {name}: {module_name} imports {error.name}, which is missing"
            ) from error
        raise RenderError(
            f"render {name}: there is no module {error.name}; start where it lies, or install it"
        ) from error
    except Exception as error:
        raise RenderError(f"render {name}: importing {module_name} failed: {_said(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            known = closest(part, [known for known in dir(found) if not known.startswith("_")])
            raise RenderError(f"render {name}: {module_name} has no {part}{known}")
        found = getattr(found, part)
    if not callable(found):
        raise RenderError(f"render {name} is a {type(found).__name__}, which cannot be called")
    return found


def takes_state(render: Render) -> bool:
    """Return whether a drawing function asks for the state: its first parameter is called ``state``."""
    try:
        return next(iter(inspect.signature(render).parameters), "") == "state"
    except (TypeError, ValueError):  # a builtin without a signature
        return False


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class _Fields(dict[str, Any]):
    """A recorded tree whose branches are items and attributes, so that what reads a state reads it too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"what was recorded has no {name!r}; it has {', '.join(self)}") from None


def _with_attributes(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Fields({str(key): _with_attributes(child) for key, child in value.items()})
    if type(value) in (tuple, list):
        return type(value)(_with_attributes(child) for child in value)
    return value


def name_of(render: Render) -> str:
    """Return what a drawing function is called in messages: ``module:function``."""
    name = getattr(render, "__qualname__", type(render).__name__)
    return f"{getattr(render, '__module__', '?')}:{name}"


def draw_with(render: Render, value: Any, step: int) -> Any:
    """Return what a drawing function makes of one value, checked: an array, a tree, or an ``SvgImage``.

    Args:
        render: the function.
        value: an observation or a state; of a tree the branches are items and attributes.
        step: the step's number, for messages.

    Raises:
        RenderError: the function raised, or returned what cannot be drawn; function and step are named.
    """
    where = f"render {name_of(render)} at step {step}"
    try:
        drawn = render(_with_attributes(value))
    except Exception as error:
        raise RenderError(f"{where} failed: {_said(error)}") from error
    if isinstance(drawn, bytes):
        drawn = drawn.decode("utf-8", "replace")
    if isinstance(drawn, str):
        if not drawn.lstrip("\ufeff \t\r\n").startswith("<"):
            raise RenderError(f"{where} returned text that is no SVG; return an array or SVG text")
        try:
            return SvgImage(drawn)
        except RenderError as error:
            raise RenderError(f"{where} returned an SVG that cannot be shown: {error}") from error
    if is_tree(drawn):
        return drawn
    try:
        array = np.asarray(drawn)
    except (TypeError, ValueError) as error:
        raise RenderError(f"{where} returned a {type(drawn).__name__}, which is no array: {error}") from error
    if array.dtype.hasobject:
        kind = type(drawn).__name__
        raise RenderError(
            f"{where} returned a {kind}; return pixels (uint8[h w 3]), another array or SVG text"
        )
    return array


def with_render(data: StepVisualizationData, render: str | Render | None) -> StepVisualizationData:
    """Return a step whose states are what a drawing function makes of them; everything else stays.

    Marks of the selection stay where they fit what was drawn.

    Args:
        data: the step.
        render: the function, or where it is imported from; None changes nothing.

    Raises:
        RenderError: as ``resolve_render`` and ``draw_with`` raise it.
    """
    function = resolve_render(render)
    if function is None:
        return data
    old = draw_with(function, data.before_grid, data.step_num)
    new = None if data.after_grid is None else draw_with(function, data.after_grid, data.step_num)
    embedded = isinstance(old, SvgImage) or isinstance(new, SvgImage)
    selected = data.selection_mask
    fits = selected is not None and not embedded and np.shape(selected) == main_leaf(old).shape
    return replace(
        data,
        before_grid=old,
        after_grid=new,
        changed_cells=None if new is None or embedded else changed_between(old, new),
        selection_mask=selected if fits else None,
    )
