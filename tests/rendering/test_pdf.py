"""PDF of any picture: one page of its size, its words as text, and the same bytes every day."""

from __future__ import annotations

import io
import sys

import numpy as np
import pypdf
import pytest

from jaxarc.errors import RenderError
from jaxarc.rendering import Style, pdf, picture_of, render_step, svg_to_pdf
from jaxarc.rendering.document import document as whole


@pytest.fixture(scope="module")
def document(step) -> bytes:
    """The PDF of a step."""
    return svg_to_pdf(render_step(step(title="a <b> & 'c'")))


def test_a_pdf_has_one_page_of_the_size_of_the_picture(step, document):
    """A pixel is 1/96 inch, that is three quarters of a point."""
    page = pypdf.PdfReader(io.BytesIO(document)).pages[0]
    width = float(render_step(step()).split('width="')[1].split('"')[0])
    assert float(page.mediabox.width) == pytest.approx(width * 0.75)


def test_text_stays_text_in_the_font_that_comes_along(document):
    """Words can be searched and copied, and both faces of Lato are embedded."""
    page = pypdf.PdfReader(io.BytesIO(document)).pages[0]
    said = page.extract_text()
    for words in ("a <b> & 'c'", "Step 3", "Fill 3", "2 still wrong", "+0.125"):
        assert words in said
    fonts, not_embedded = page._get_fonts()
    assert {name.split("+")[1] for name in fonts} == {"Lato-Regular", "Lato-Bold"}
    assert not not_embedded


def test_a_pdf_bears_no_time_of_its_making(step, document, monkeypatch):
    """The date is fixed whatever the environment says, and twice drawn is equal."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert svg_to_pdf(render_step(step(title="a <b> & 'c'"))) == document
    metadata = pypdf.PdfReader(io.BytesIO(document)).metadata
    assert metadata.creation_date_raw.startswith("19700101")


def test_broken_svg_is_refused():
    """What CairoSVG cannot read is an error of ours that says why."""
    with pytest.raises(RenderError, match="CairoSVG cannot draw this SVG"):
        svg_to_pdf("<svg")
    with pytest.raises(RenderError, match="CairoSVG cannot draw this SVG"):
        svg_to_pdf("<svg xmlns='http://www.w3.org/2000/svg'/>")


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    """The package and the command stand in the message."""
    pdf._surface.cache_clear()
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    monkeypatch.setitem(sys.modules, "cairosvg.surface", None)
    with pytest.raises(RenderError, match=r"PDF needs .*pip install 'jaxarc-toolkit\[pdf\]'"):
        svg_to_pdf("<svg/>")


def test_without_the_system_library_the_error_names_it(monkeypatch, tmp_path):
    """cairocffi raises OSError where libcairo is missing; so does this stand-in on the path."""
    pdf._surface.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] in ("cairosvg", "cairocffi")]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "cairocffi.py").write_text("raise OSError('no library called \"cairo-2\" was found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        RenderError, match=r"no library called \"cairo-2\" was found.*apt-get install libcairo2"
    ):
        svg_to_pdf("<svg/>")
    pdf._surface.cache_clear()


def test_pixels_of_a_frame_keep_their_edges():
    """No viewer is told to smooth an image that is drawn larger than it is."""
    svg = whole(80, 80, picture_of(np.eye(3), size=60).body, Style(), "a field")
    assert "image-rendering:pixelated" in svg
    assert b"/Interpolate true" not in svg_to_pdf(svg)
    smooth = svg.replace(' style="image-rendering:pixelated"', "")
    assert b"/Interpolate true" in svg_to_pdf(smooth)
