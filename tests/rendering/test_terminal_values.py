"""Values of every kind in a terminal: half blocks in colour, shades and bars without."""

from __future__ import annotations

import io

import numpy as np
import pytest
from drawn_data import make_vector_step
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from observed import OBSERVATIONS, inventory, make_observed_step, minatar, pong_stack, screen
from rich.console import Console

from jaxarc.rendering import terminal_step
from jaxarc.rendering.leaves import changed_between


def shown(renderable: object, width: int = 100, colour: bool = False) -> str:
    system = "truecolor" if colour else None
    printed = io.StringIO()
    console = Console(
        file=printed, width=width, force_terminal=colour, color_system=system, legacy_windows=False
    )
    console.print(renderable)
    return printed.getvalue()


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("width", [10, 40, 100])
@pytest.mark.parametrize("name", OBSERVATIONS)
def test_every_observation_fits_the_console(name: str, width: int, colour: bool):
    """No line is wider than the console, and no picture higher than 24 lines."""
    printed = shown(terminal_step(make_observed_step(OBSERVATIONS[name], title="")), width, colour)
    plain = (
        printed if not colour else "".join(part.partition("m")[2] for part in f"m{printed}".split("\x1b["))
    )
    assert plain
    if not colour:
        assert max(map(len, printed.splitlines())) <= width


def test_a_frame_is_half_blocks_of_its_colours():
    """Before and after are side by side; a pixel of the frame keeps its colour."""
    lines = shown(terminal_step(make_observed_step(screen)), 140, colour=True).splitlines()
    assert "before" in lines[1]
    assert "after" in lines[1]
    assert "38;2;40;60;40" in lines[2]
    assert sum("▀" in line for line in lines) == 24


def test_without_colour_a_frame_is_shades():
    """The bright bar of Pong is heavier than its floor."""
    lines = shown(terminal_step(make_observed_step(pong_stack)), 140).splitlines()
    assert set(lines[-2]) <= set("#%@ ")
    assert set(lines[-8]) & set("-=")
    assert lines[-1] == "the newest frame of each stack"


def test_a_field_says_its_scale():
    """Both are on one, and it is written below."""
    printed = shown(terminal_step(make_observed_step(OBSERVATIONS["field"])))
    assert "\u22120.877 to 0.877" in printed


def test_a_vector_has_a_bar_an_entry():
    """The number is beside it, and long vectors are one line."""
    printed = shown(terminal_step(make_vector_step()))
    assert "   3  0.75  ████████████████████" in printed
    long = {"before_grid": np.arange(300.0), "after_grid": np.arange(300.0)}
    assert "300 values, 0 to 299" in shown(terminal_step(make_vector_step(**long)))


def test_a_nested_state_is_shown_leaf_by_leaf():
    """The main leaf first, each under its path, with what changed marked."""
    changed = changed_between(inventory(0), inventory(1))
    lines = shown(terminal_step(make_observed_step(inventory, changed_cells=changed))).splitlines()
    assert [line for line in lines if line in ("grid", "inventory", "time")] == ["grid", "inventory", "time"]
    assert sum("*" in line for line in lines) == 1
    many = {f"x{index}": index for index in range(20)}
    assert "+8 more" in shown(
        terminal_step(make_vector_step(before_grid=many, after_grid=many, changed_cells=None))
    )


def test_values_past_nine_are_letters_where_the_step_is_not_arcs():
    """Planes are numbers of channels, grids letters; ARC's stay unknown."""
    grid = np.array([[3, 12, 35]])
    fields = {"before_grid": grid, "after_grid": None, "changed_cells": None}
    assert "3 c z" in shown(terminal_step(make_vector_step(**fields)))
    arc = {"operation": 1, "selection": grid > 5}
    assert "3 ? ?" in shown(terminal_step(make_vector_step(**fields, action=arc)))
    assert "4 4 4 4" in shown(terminal_step(make_observed_step(minatar)))


def test_a_state_that_was_not_recorded_is_said_of_every_kind():
    """Beside boards in their place, else on a line."""
    for value in (np.zeros((2, 2), int), screen(0), np.arange(3.0), {"a": 1.0}, "words"):
        step = make_vector_step(before_grid=value, after_grid=None, changed_cells=None)
        assert "not recorded" in shown(terminal_step(step))


@given(
    arrays(
        st.sampled_from([np.float32, np.int8, np.uint8, np.int64, bool, np.complex64]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_array_can_be_shown(value, colour):
    """Whatever the shape and the numbers."""
    step = make_vector_step(before_grid=value, after_grid=value, changed_cells=None)
    assert shown(terminal_step(step), colour=colour)
