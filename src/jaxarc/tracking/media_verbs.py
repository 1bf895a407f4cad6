"""MediaVerbs: pictures, figures, films, pages and texts of an experiment."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import Media
from jaxarc.storage import atomic_write_bytes
from jaxarc.tracking.held_values import held, step_of
from jaxarc.tracking.log_verbs import LogVerbs
from jaxarc.tracking.media_files import KINDS, check_pixels, kind_of_file, png_of, write_media

__all__ = ["MediaVerbs"]

_PLOTLY_PROGRAM = "plotly.min.js"


class MediaVerbs(LogVerbs):
    """Log what people look at; the files lie in the run, and events say which."""

    def log_image(
        self,
        key: str,
        image: Any,
        step: Any = None,
        *,
        caption: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a picture.

        Args:
            key: its name; of several with one name each has a step of its own.
            image: an array [height width], [height width 3] or [… 4] (integers are 0 to 255, other numbers 0
                to 1), an image of Pillow, the bytes of a PNG file, SVG text, the path of an image file, or a
                figure.
            step: the step, where there is one.
            caption: words beneath it.
            meta: everything else.

        Raises:
            TrackingError: it is none of these, or has no pixels.
        """
        if hasattr(image, "savefig") or hasattr(image, "to_plotly_json"):
            self.log_figure(key, image, step, caption=caption, meta=meta)
        elif isinstance(image, str) and image.lstrip().startswith(("<svg", "<?xml")):
            content = image.encode()
            self._media(key, "image", ".svg", lambda: content, step, caption, meta, len(content))
        elif isinstance(image, (str, os.PathLike)):
            self.log_media(key, image, step=step, caption=caption, meta=meta)
        elif isinstance(image, (bytes, bytearray)):
            content = bytes(image)
            if not content.startswith(b"\x89PNG"):
                raise TrackingError(f"image {key}: bytes are those of a PNG file, got {content[:8]!r}…")
            self._media(key, "image", ".png", lambda: content, step, caption, meta, len(content))
        elif hasattr(image, "shape") and hasattr(image, "dtype"):
            check_pixels(key, image)
            kept = held(image)
            self._media(
                key, "image", ".png", lambda: png_of(kept), step, caption, meta, getattr(kept, "nbytes", 0)
            )
        elif hasattr(image, "save") and hasattr(image, "mode"):
            kept = image.copy()
            size = 4 * kept.width * kept.height
            self._media(key, "image", ".png", lambda: png_of(kept), step, caption, meta, size)
        else:
            raise TrackingError(
                f"image {key} is a {type(image).__name__}; give an array, a Pillow image, the bytes or the "
                "path of a PNG file, or a figure"
            )

    def log_figure(
        self,
        key: str,
        figure: Any,
        step: Any = None,
        *,
        caption: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a figure of Matplotlib, as PNG, or of Plotly, as its JSON and a page that needs no network.

        It is drawn before the call returns: what is done to the figure afterwards changes nothing.

        Args:
            key: its name.
            figure: the figure; one of Matplotlib stays open.
            step: the step, where there is one.
            caption: words beneath it.
            meta: everything else.

        Raises:
            TrackingError: it is a figure of neither.
        """
        if hasattr(figure, "savefig"):
            file = io.BytesIO()
            figure.savefig(file, format="png", metadata={"Software": None})
            content = file.getvalue()
            self._media(key, "image", ".png", lambda: content, step, caption, meta, len(content))
        elif hasattr(figure, "to_json") and hasattr(figure, "to_html"):
            content = figure.to_json().encode()
            page = figure.to_html(include_plotlyjs="directory", full_html=True, div_id="figure").encode()
            more = dict(meta or {})

            def with_page(run_dir: Path) -> dict[str, Any]:
                _write_plotly_program(run_dir)
                return {**more, "page": write_media(run_dir, "html", key, step, page, ".html")}

            self._media(
                key, "plotly", ".json", lambda: content, step, caption, with_page, len(content) + len(page)
            )
        else:
            raise TrackingError(
                f"figure {key} is a {type(figure).__name__}; give a figure of Matplotlib or of Plotly"
            )

    def log_text(self, key: str, text: str, step: Any = None, *, caption: str = "") -> None:
        """Log a text: a prompt, a configuration, a listing.

        Args:
            key: its name.
            text: plain text or Markdown.
            step: the step, where there is one.
            caption: words beneath it.
        """
        content = str(text).encode("utf-8", "replace")
        self._media(key, "text", ".txt", lambda: content, step, caption, None, len(content))

    def log_media(
        self,
        key: str,
        path: str | os.PathLike[str],
        kind: str | None = None,
        *,
        step: Any = None,
        caption: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a file that people look at: a picture, a film, a page, a text.

        One that lies in the run stays where it is; another is copied into it, before the call returns.

        Args:
            key: its name.
            path: the file.
            kind: ``image``, ``video``, ``html``, ``plotly`` or ``text``; None for what its ending says.
            step: the step, where there is one.
            caption: words beneath it.
            meta: everything else.

        Raises:
            TrackingError: it is no file, or of no such kind.
        """
        source = Path(path)
        kind = kind or kind_of_file(source)
        if kind not in KINDS:
            raise TrackingError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        run_dir = self.run_dir
        try:
            inside = run_dir is not None and source.resolve(strict=True).relative_to(run_dir.resolve())
        except ValueError:
            inside = False
        except OSError as error:
            raise TrackingError(f"{path}: cannot be read ({error.strerror or error})") from error
        if not source.is_file():
            raise TrackingError(f"{path}: is no file")
        if inside:
            said = {"caption": caption, "step": step_of("step", step), "meta": held(meta or {})}
            self._submit(Media(key=str(key), kind=kind, path=str(inside), **said))
            return
        try:
            content = source.read_bytes()
        except OSError as error:
            raise TrackingError(f"{path}: cannot be read ({error.strerror or error})") from error
        ending = source.suffix.lower()
        self._media(key, kind, ending, lambda: content, step, caption, meta, len(content))

    def _media(
        self,
        key: str,
        kind: str,
        ending: str,
        make: Callable[[], bytes],
        step: Any,
        caption: str,
        meta: Mapping[str, Any] | Callable[[Path], Mapping[str, Any]] | None,
        nbytes: int,
    ) -> None:
        """Queue a file; it is made and written by the writer thread, and said when it is there."""
        step = step_of("step", step)
        made = meta if callable(meta) else None
        kept = held(meta or {}) if made is None else {}

        def event() -> Event:
            run_dir = self._open_dir()
            path = write_media(run_dir, kind, str(key), step, make(), ending)
            more = kept if made is None else made(run_dir)
            said = {"caption": str(caption), "step": step, "meta": more}
            return Media(key=str(key), kind=kind, path=path, **said).event()

        self._submit(event, 200 + nbytes)


def _write_plotly_program(run_dir: Path) -> None:
    """Put Plotly's program beside the pages that use it, once."""
    path = run_dir / "plots" / "interactive" / _PLOTLY_PROGRAM
    if not path.exists():
        from plotly.offline import get_plotlyjs

        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(path, get_plotlyjs().encode())
