"""Boards in a terminal, in colour and without."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from jaxarc.rendering import Style, terminal_board, terminal_step


def shown(renderable: object, width: int = 100, colour: bool = False) -> str:
    system = "truecolor" if colour else None
    printed = io.StringIO()
    console = Console(
        file=printed, width=width, force_terminal=colour, color_system=system, legacy_windows=False
    )
    console.print(renderable)
    return printed.getvalue()


def backgrounds(renderable: object) -> set[tuple[str, str]]:
    """Return every text that has a background, with its colour; rich keeps the codes of its first console."""
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="truecolor")
    return {
        (segment.text, segment.style.bgcolor.name)
        for segment in console.render(renderable)  # pyright: ignore[reportArgumentType]
        if segment.style is not None and segment.style.bgcolor is not None
    }


def test_without_colour_a_board_is_digits():
    """Padding is a point, a value that is no colour a question mark."""
    assert shown(terminal_board(np.array([[0, 9], [-1, 11]]), title="board")).splitlines() == [
        "board",
        "0 9 ",
        ". ? ",
    ]


def test_with_colour_a_cell_is_two_characters_of_its_colour():
    """The palette's colour is the background."""
    assert backgrounds(terminal_board(np.array([[2]]))) == {("  ", "#ff4136")}


def test_padding_has_no_colour():
    """It is left to the terminal."""
    assert backgrounds(terminal_board(np.full((2, 2), -1))) == set()


def test_what_does_not_fit_is_drawn_in_half_cells():
    """A 30x30 board in 40 columns takes 15 lines of half blocks."""
    lines = shown(terminal_board(np.ones((30, 30), int)), width=40, colour=True).splitlines()
    assert len(lines) == 15
    assert "▀" in lines[0]


def test_a_step_shows_three_boards_side_by_side(step):
    """A title line, the names, and the rows of before, after and target; changed cells have a star."""
    lines = shown(terminal_step(step(ended="terminated", success=True))).splitlines()
    assert lines[0] == "step 3  episode_0007 · train  Fill 3  reward +0.125  similarity 0.875  solved"
    assert lines[1].split() == ["before", "after", "target"]
    assert lines[5].split() == ["0", "0", "0", "0", "3*3*0", "0", "3", "3", "3", "3"]


def test_a_narrow_console_puts_the_boards_below_each_other(step):
    """No line is wider than the console."""
    lines = shown(terminal_step(step(title="")), width=20).splitlines()
    assert [line for line in lines if line in ("before", "after", "target")] == ["before", "after", "target"]
    assert max(map(len, lines)) <= 20


def test_options_take_words_and_marks_away(step):
    """Operation, numbers and stars go with their options."""
    style = Style(show_operation_names=False, include_metrics=False, highlight_changes=False)
    said = shown(terminal_step(step(), style))
    assert "Fill" not in said
    assert "reward" not in said
    assert "*" not in said


def test_a_state_of_numbers_is_written_out(vector_step):
    """CartPole has no board."""
    assert "   1  \u22120.3  ████" in shown(terminal_step(vector_step()))


def test_markup_in_a_title_is_text(step):
    """Brackets are not read as rich markup."""
    assert "[bold]x" in shown(terminal_step(step(title="[bold]x")))


def test_a_state_after_that_was_not_recorded_is_said_in_its_place(step, vector_step):
    """Between before and target, and among numbers."""
    lines = shown(terminal_step(step(after_grid=None, changed_cells=None))).splitlines()
    assert lines[1].split() == ["before", "after", "target"]
    assert lines[2].split() == ["0", "1", "2", "3", "not", "recorded", "0", "1", "2", "3"]
    assert "*" not in "".join(lines)
    assert "after: not recorded" in shown(terminal_step(vector_step(after_grid=None, changed_cells=None)))
