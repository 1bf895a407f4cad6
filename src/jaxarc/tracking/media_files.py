"""Files that pictures, films, pages and texts become in a run: named by key and step, whole or absent."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import TrackingError
from jaxarc.records.trees import as_array
from jaxarc.storage import atomic_write_bytes, document_path

__all__ = ["KINDS", "kind_of_file", "media_path", "png_of", "write_media"]

FOLDERS = {
    "image": "plots/png",
    "plotly": "plots/interactive",
    "html": "plots/interactive",
    "video": "video",
    "text": "texts",
}
"""Where the files of each kind lie in a run."""

KINDS = tuple(FOLDERS)
_ENDINGS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"), "image"),
    **dict.fromkeys((".mp4", ".webm", ".mov"), "video"),
    **dict.fromkeys((".html", ".htm"), "html"),
    **dict.fromkeys((".txt", ".md", ".log", ".csv", ".json", ".yaml"), "text"),
}


def kind_of_file(path: Path) -> str:
    """Return what a file shows, by its ending.

    Raises:
        TrackingError: nothing that is shown ends so.
    """
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise TrackingError(
            f"{path.name}: files that are shown end in {', '.join(_ENDINGS)}; log others with log_artifact"
        )
    return kind


def media_path(run_dir: Path, kind: str, key: str, step: Any, content: bytes, ending: str) -> Path:
    """Return where a file of this content lies: by its key, its step and its digest."""
    at = "" if step is None else f"-{int(step):08d}"
    name = f"{key}{at}-{hashlib.sha256(content).hexdigest()[:8]}"
    safe = document_path(run_dir, "media", name).name.removesuffix(".json")
    return run_dir / FOLDERS[kind] / f"{safe}{ending}"


def write_media(run_dir: Path, kind: str, key: str, step: Any, content: bytes, ending: str) -> str:
    """Write a file into the run; return its path there.

    Raises:
        StorageError: it cannot be written.
    """
    path = media_path(run_dir, kind, key, step, content, ending)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(path, content)
    return str(path.relative_to(run_dir))


def check_pixels(key: str, image: Any) -> None:
    """See that an array can be an image, without reading it.

    Raises:
        TrackingError: it cannot.
    """
    shape, kind = tuple(image.shape), getattr(image.dtype, "kind", "")
    good = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good or 0 in shape or kind not in "buif":
        raise TrackingError(
            f"image {key} must be [height width], [height width 1], [… 3] or [… 4] of numbers, got "
            f"{image.dtype}{list(shape)}"
        )


def png_of(image: Any) -> bytes:
    """Return an image as the bytes of a PNG file: integers are 0 to 255, other numbers 0 to 1, cut there."""
    from PIL import Image

    if not hasattr(image, "shape"):  # one of Pillow's
        plain = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGBA")
    else:
        pixels = np.asarray(image) if isinstance(image, np.ndarray) else as_array(image)[0]
        if pixels.dtype == bool:
            pixels = pixels.astype(np.uint8) * 255
        elif pixels.dtype.kind not in "ui":
            pixels = np.nan_to_num(np.asarray(pixels, np.float64), nan=0.0, posinf=1.0, neginf=0.0)
            pixels = np.round(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
        else:
            pixels = np.clip(pixels, 0, 255).astype(np.uint8)
        plain = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    plain.save(file, "PNG")
    return file.getvalue()
