"""Picture: what a question about a run answers with where the answer is drawn."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path

from jaxarc.errors import RenderError, StorageError, closest
from jaxarc.rendering import svg_to_pdf, svg_to_png
from jaxarc.rendering.text import TIMES, escape
from jaxarc.storage import atomic_write_bytes

__all__ = ["PICTURE_FORMATS", "Picture"]

PICTURE_FORMATS = (".svg", ".png", ".pdf")
"""What a picture's file may end in."""

_SIZE = re.compile(r'<svg [^>]*?\bwidth="([0-9.]+)" height="([0-9.]+)"')


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing that shows itself in a notebook, and saves itself as SVG, PNG or PDF.

    Attributes:
        svg: the drawing, a whole SVG document.
        words: what it shows, in words.
    """

    svg: str
    words: str = "picture"

    def __repr__(self) -> str:
        width, height = self.size
        return f"Picture({self.words}; {width:g} {TIMES} {height:g} pixels; .save('picture.png') writes it)"

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels; 0 where the drawing does not say."""
        found = _SIZE.search(self.svg)
        return (float(found[1]), float(found[2])) if found else (0.0, 0.0)

    def png(self, scale: float = 2.0) -> bytes:
        """Return the drawing as a PNG file.

        Args:
            scale: pixels of the file for one of the drawing.

        Raises:
            RenderError: ``scale`` is not above 0.
        """
        return svg_to_png(self.svg, scale)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing, whole or not at all, in the format that the file's name ends in.

        Folders are made, and a file that is there is replaced.

        Args:
            path: a name that ends in ``.svg``, ``.png`` or ``.pdf`` (with the extra ``pdf``).

        Returns:
            The path of the file.

        Raises:
            RenderError: the name ends in another way, or what PDF needs is missing.
            StorageError: it cannot be written.
        """
        file = Path(path).expanduser()
        kind = file.suffix.lower()
        if kind not in PICTURE_FORMATS:
            guess = closest(kind, PICTURE_FORMATS)
            raise RenderError(f"a picture is saved as {', '.join(PICTURE_FORMATS)}, got {file.name!r}{guess}")
        if file.is_dir():
            raise StorageError(f"{file} is a folder; give the file: {file / 'picture.svg'}")
        content = (
            self.svg.encode() if kind == ".svg" else self.png() if kind == ".png" else svg_to_pdf(self.svg)
        )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{file} cannot be written ({error}); give another path") from error
        atomic_write_bytes(file, content, durable=False)
        return file

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # As an image: browsers run no script in one, fetch nothing for it, and its ids are its own.
        data = base64.b64encode(self.svg.encode()).decode()
        width, height = self.size
        size = f'width="{width:g}" height="{height:g}" ' if width and height else ""
        look = "max-width:100%;height:auto"
        return f'<img {size}style="{look}" alt="{escape(self.words)}" src="data:image/svg+xml;base64,{data}">'
