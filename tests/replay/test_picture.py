"""A picture shows itself, and saves itself in the format that its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxarc.errors import RenderError, StorageError
from jaxarc.rendering import Style
from jaxarc.rendering.document import document
from jaxarc.rendering.text import TIMES
from jaxarc.replay.picture import Picture


@pytest.fixture
def picture() -> Picture:
    """A drawing of 120 by 40 pixels, with words that hold markup."""
    return Picture(document(120, 40, "", Style(), "a board"), 'two episodes of "<script>"')


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<svg "), ("b.PNG", b"\x89PNG"), ("c.pdf", b"%PDF")])
def test_a_picture_is_saved_in_the_format_of_its_name(
    picture: Picture, tmp_path: Path, name: str, start: bytes
) -> None:
    """Folders are made, and the file is what its name says."""
    file = picture.save(tmp_path / "new" / name)
    assert file.read_bytes().startswith(start)
    assert [path.name for path in file.parent.iterdir()] == [name], "nothing else is left beside it"


def test_another_name_is_answered_with_the_formats(picture: Picture, tmp_path: Path) -> None:
    """Nothing is written where the format is not known, or the name is a folder's."""
    with pytest.raises(RenderError, match=r"\.svg, \.png, \.pdf, got 'a\.jpg'"):
        picture.save(tmp_path / "a.jpg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(StorageError, match="is a folder"):
        picture.save(tmp_path / "folder.svg")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="another path"):
        picture.save(tmp_path / "file" / "a.svg")


def test_in_a_notebook_a_picture_is_an_image(picture: Picture) -> None:
    """Its words stay words, and its elements are no part of the page."""
    html = picture._repr_html_()
    assert html.startswith('<img width="120" height="40"')
    assert "<svg" not in html
    assert "<script>" not in html
    assert picture._repr_svg_() == picture.svg
    assert f"120 {TIMES} 40 pixels" in repr(picture)
    assert Picture("<svg/>").size == (0, 0)


def test_a_picture_can_be_larger_as_png(picture: Picture) -> None:
    """The scale is that of the pixels."""
    assert len(picture.png(4)) > len(picture.png(1))
    with pytest.raises(RenderError, match="scale"):
        picture.png(0)
