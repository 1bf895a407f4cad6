"""Images of a run as backends can show them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shown_image"]

_SHOWN = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def shown_image(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    """Return the bytes of an image that any viewer shows, and its width and height; an SVG becomes a PNG.

    None where the file is no such image.
    """
    import io

    from PIL import Image, UnidentifiedImageError

    content = path.read_bytes()
    if path.suffix.lower() == ".svg":
        from jaxarc.errors import RenderError
        from jaxarc.rendering.raster import svg_to_png

        try:
            content = svg_to_png(content.decode("utf-8", "replace"))
        except RenderError:
            return None
    elif path.suffix.lower() not in _SHOWN:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            return content, image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
