"""A user's own function draws what was observed, safely, and says what went wrong with it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import svg_rules
from drawn_data import make_step, make_vector_step
from pictures_of_mine import broken, of_state, pixels, script
from PIL import Image

from jaxarc.errors import RenderError
from jaxarc.rendering import render_step, svg_to_png
from jaxarc.rendering.plugin import draw_with, resolve_render, takes_state, with_render


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory of the user's, where Python does not look by itself."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pixels_that_a_function_returns_are_in_the_picture():
    """Before and after are what it made of them; the rest of the step stays."""
    svg = render_step(
        make_vector_step(before_grid=np.array([1.0]), after_grid=np.array([2.0])), render=pixels
    )
    found = re.findall(r"data:image/png;base64,([^\"]+)", svg)
    colours = [
        Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").getpixel((0, 0)) for data in found
    ]
    assert colours == [(40, 10, 10), (80, 10, 10)]
    assert "CartPole-v1" in svg


def test_a_step_without_an_after_needs_none():
    """What was not recorded is not drawn by anyone."""
    assert "not recorded" in render_step(make_step(after_grid=None, changed_cells=None), render=pixels)


def test_an_svg_is_shown_as_an_image_and_none_of_it_is_markup():
    """Its script is in an encoded document that browsers load without scripts; pixels show what it draws."""
    svg = render_step(make_step(target_grid=None), render=script)
    assert "alert" not in svg
    images = [node for node in svg_rules.parsed(svg).iter() if node.tag.endswith("image")]
    assert [image.attrib["href"].split(",")[0] for image in images] == ["data:image/svg+xml;base64"] * 2
    assert svg_rules.violations(re.sub(r"image/svg\+xml", "image/png", svg)) == []
    drawn = np.asarray(Image.open(io.BytesIO(svg_to_png(svg))).convert("RGB"))
    assert (drawn == (0x12, 0x34, 0x56)).all(axis=-1).sum() > 5_000


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "returned a NoneType"),
        (object(), "returned a object"),
        ([[1, 2], [3]], "returned a list"),
        ("a word", "no SVG"),
        ("<svg", "no SVG"),
        ("<html/>", "root"),
        ('<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"/>', "document type"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "no size"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 0 nan"/>', "no size"),
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1">{" " * 4_000_001}</svg>',
            "4,000,000",
        ),
    ],
    ids=[
        *("nothing", "an object", "a ragged list", "a word", "an open tag", "another root"),
        *("a document type", "no size", "a size that is no number", "too long"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_function_and_step(returned, said):
    """The message says what came back and what to return."""
    with pytest.raises(RenderError, match=f"render .*at step 7 .*{said}"):
        draw_with(lambda value: returned, np.zeros(3), 7)


def test_an_error_in_the_function_is_named_with_the_step():
    """The cause is kept."""
    with pytest.raises(RenderError, match=r"pictures_of_mine:broken at step 3 failed: KeyError") as caught:
        render_step(make_step(), render=broken)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_function_is_found_by_its_name_also_in_the_current_directory(elsewhere: Path):
    """Modules of the user's folder need no installation, and the search path stays as it was."""
    (elsewhere / "drawings_of_this_folder.py").write_text(
        "class Mine:\n    draw = staticmethod(lambda o: o)\n"
    )
    assert resolve_render("pictures_of_mine:pixels") is pixels
    found = resolve_render("drawings_of_this_folder:Mine.draw")
    assert found is not None
    assert found(3) == 3
    assert resolve_render(None) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pictures_of_mine", "module:function"),
        ("no_such_module_of_mine:draw", "no module no_such_module_of_mine"),
        ("pictures_of_mine:pixel", "did you mean pixels"),
        ("pictures_of_mine:not_a_function", "is a int, which cannot be called"),
        ("fails_when_imported:draw", "importing fails_when_imported failed: ZeroDivisionError"),
        ("needs_another:draw", "needs_another imports another_that_is_missing"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(elsewhere: Path, name: str, said: str):
    """Each way of being wrong has its own words."""
    (elsewhere / "fails_when_imported.py").write_text("1 / 0\n")
    (elsewhere / "needs_another.py").write_text("import another_that_is_missing\n")
    with pytest.raises(RenderError, match=said):
        resolve_render(name)


def test_a_parameter_called_state_asks_for_states_and_reads_them_by_attribute():
    """Recorded trees have branches as items and as attributes; what is missing says what there is."""
    assert takes_state(of_state)
    assert not takes_state(pixels)
    state = {"inner": {"board": np.zeros((2, 2), np.int8)}}
    assert draw_with(of_state, state, 0).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(RenderError, match="has no 'inner'; it has board"):
        draw_with(of_state, {"board": 1}, 0)


def test_marks_stay_where_they_fit_what_was_drawn():
    """A board that becomes another board of its shape keeps its selection; pixels have none."""
    kept = with_render(make_step(), lambda board: board)
    assert kept.selection_mask is not None
    assert kept.changed_cells.sum() == 2
    assert with_render(make_step(), pixels).selection_mask is None
