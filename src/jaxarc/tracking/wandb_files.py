"""Pictures, pages, films, tables and files as W&B takes them."""

from __future__ import annotations

import html
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.errors import RefusedRecordError
from jaxarc.records.artifact_paths import is_uri, path_in_run
from jaxarc.records.experiment_events import Artifact, ArtifactRemoved, Checkpoint, Media, Table
from jaxarc.storage import read_events

if TYPE_CHECKING:
    from jaxarc.tracking.wandb_backend import WandbBackend

__all__ = ["FILES", "artifact_of", "keep_file", "media_of", "table_of", "was_removed"]

FILES = "files"
"""What ``meta["place"]`` of an artifact says that is to lie among the files of the run."""

_VIDEOS = ("gif", "mp4", "webm", "ogg")
_MAX_NAME = 128


def table_of(said: Table) -> Any:
    """Return a table; columns may hold values of several kinds."""
    import wandb

    columns: list[Any] = [str(column) for column in said.columns]
    return wandb.Table(columns=columns, data=[list(row) for row in said.rows], allow_mixed_types=True)


def media_of(said: Media, backend: WandbBackend) -> dict[str, Any]:
    """Return what W&B shows of a picture, film, page or text, by the name that it has there.

    Raises:
        RefusedRecordError: the file is missing, lies outside the run, cannot be shown, or is beyond the
            upload budget.
    """
    path = _file_of(said.path, backend.run_dir, f"media {said.key}")
    suffix = path.suffix.lower().lstrip(".")
    caption = said.caption or None
    if said.kind == "image":
        return _picture(said, path, backend)
    import wandb

    if said.kind == "video" and suffix in _VIDEOS:
        made: Callable[[], Any] = lambda: wandb.Video(str(path), caption=caption, format=suffix)  # noqa: E731
    elif said.kind == "text":
        words = html.escape(path.read_text(encoding="utf-8", errors="replace"))
        made = lambda: wandb.Html(f"<pre>{words}</pre>", inject=False)  # noqa: E731
    elif said.kind == "plotly" and suffix == "json":
        figure = _figure(path)
        made = lambda: wandb.Plotly(figure)  # noqa: E731
    elif suffix in ("html", "htm"):
        made = lambda: wandb.Html(str(path), inject=False)  # noqa: E731
    else:
        raise RefusedRecordError(f"W&B has no place for media {said.key}: a {said.kind} in {said.path}")
    return {said.key: _uploaded(path.stat().st_size, said, backend, made)}


def artifact_of(said: Artifact | Checkpoint, backend: WandbBackend) -> tuple[Any, list[str]]:
    """Return an artifact and its aliases; a file that is not to be uploaded is a reference to it.

    Only files of the run are uploaded: a run may come from somebody else, and name any file of this machine.

    Raises:
        RefusedRecordError: the file is missing or lies outside the run by a way that it does not say.
    """
    import wandb

    if isinstance(said, Checkpoint):
        name, kind = str(said.meta.get("name") or "checkpoint"), "model"
        more: dict[str, Any] = {"step": said.step, "epoch": said.epoch, "metrics": dict(said.metrics)}
        aliases = ["best"] if said.is_best else []
    else:
        name, kind = said.name or Path(said.path).name, said.type
        more, aliases = {"size": said.size, "checksum": said.checksum}, []
    aliases += [str(alias) for alias in said.meta.get("aliases") or () if str(alias) not in aliases]
    meta = {**said.meta, **more, "path": said.path}
    metadata = {key: value for key, value in meta.items() if value is not None}
    description = str(said.meta.get("description") or "") or None
    made = wandb.Artifact(_name(name), type=_type(kind), description=description, metadata=metadata)
    aliases = [alias for alias in aliases if alias != "latest"]
    if is_uri(said.path):
        # W&B's own references to buckets need the bucket's client, and ask it.
        with made.new_file("reference.txt", encoding="utf-8") as file:
            file.write(f"{said.path}\n")
        return made, aliases
    path = _file_of(said.path, backend.run_dir, f"artifact {name}", may_be_outside=True)
    nbytes = _size(path)
    is_own = path_in_run(backend.run_dir, said.path) is not None
    if is_own and backend.settings.log_artifacts and backend.may_upload(nbytes):
        (made.add_dir if path.is_dir() else made.add_file)(str(path))
        backend.uploaded(nbytes)
    else:
        made.add_reference(path.resolve().as_uri(), checksum=False)
    return made, aliases


def was_removed(said: Artifact | Checkpoint, run_dir: Path) -> bool:
    """Say whether the run itself removed a file that is missing, as keeping the last few checkpoints does."""
    if is_uri(said.path) or (run_dir / said.path).exists():
        return False
    paths = sorted((run_dir / "events").glob("p*.jsonl"))
    removed = (event for path in paths for event in read_events(path, types=(ArtifactRemoved.TYPE,)))
    return any(ArtifactRemoved.of(event).path == said.path for event in removed)


def keep_file(run: Any, said: Artifact | Checkpoint, backend: WandbBackend) -> None:
    """Put a file among the files of a run of W&B, as it is in the record.

    Raises:
        RefusedRecordError: it is missing, or beyond the upload budget.
    """
    name = said.name if isinstance(said, Artifact) else Path(said.path).name
    path = _file_of(said.path, backend.run_dir, f"file {name}")
    nbytes = _size(path)
    if path.is_dir() or not backend.may_upload(nbytes):
        raise RefusedRecordError(
            f"file {name} ({nbytes} bytes) is a directory or beyond logging.upload_bytes"
        )
    folder = Path(run.dir)
    target = folder / _name(name)
    shutil.copyfile(path, target)
    run.save(str(target), base_path=str(folder), policy="now")
    backend.uploaded(nbytes)


def _picture(said: Media, path: Path, backend: WandbBackend) -> dict[str, Any]:
    """Return a picture as pixels, as SVG, or as both; one that is there as pixels alone is shown as such."""
    import wandb

    most, wanted, found = backend.settings.max_image_size, backend.settings.image_format, {}
    is_drawn = path.suffix.lower() == ".svg"
    svg = path if is_drawn else None
    if not is_drawn and said.meta.get("svg"):
        svg = _file_of(str(said.meta["svg"]), backend.run_dir, f"media {said.key}")
    if wanted in ("png", "both") or svg is None:
        content = _drawn(path, most) if is_drawn else _fitted(path, most)
        caption = said.caption or None
        found[said.key] = _uploaded(len(content), said, backend, lambda: _image(content, caption))
    if wanted in ("svg", "both") and svg is not None:
        name, text = said.key if wanted == "svg" else f"{said.key}/svg", svg.read_text(encoding="utf-8")
        found[name] = _uploaded(
            svg.stat().st_size, said, backend, lambda: wandb.Html(text, inject=False, data_is_not_path=True)
        )
    return found


def _uploaded(nbytes: int, said: Media, backend: WandbBackend, made: Callable[[], Any]) -> Any:
    """Return what is uploaded, once it was seen that it may."""
    if not backend.may_upload(nbytes):
        raise RefusedRecordError(
            f"media {said.key} ({nbytes} bytes) is beyond the upload budget; it stays in the run at"
            f" {said.path}: raise logging.upload_bytes"
        )
    shown = made()
    backend.uploaded(nbytes)
    return shown


def _image(content: bytes, caption: str | None) -> Any:
    import wandb
    from PIL import Image

    return wandb.Image(Image.open(io.BytesIO(content)), caption=caption)


def _drawn(path: Path, most: Any) -> bytes:
    """Return an SVG as a PNG that is no larger than it may be.

    Raises:
        RefusedRecordError: it cannot be drawn.
    """
    from jaxarc.rendering import svg_to_png

    try:
        svg = path.read_text(encoding="utf-8")
        content = svg_to_png(svg)
        scale = _scale(content, most)
        return content if scale >= 1 else svg_to_png(svg, scale)
    except ValueError as error:  # of which RenderError and UnicodeDecodeError are kinds
        raise RefusedRecordError(f"{path.name} cannot be drawn: {error}") from None


def _fitted(path: Path, most: Any) -> bytes:
    """Return a picture that is no larger than it may be.

    Raises:
        RefusedRecordError: it is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width <= most[0] and image.height <= most[1]:
                return path.read_bytes()
            image.thumbnail((most[0], most[1]))
            content = io.BytesIO()
            image.save(content, "png")
            return content.getvalue()
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise RefusedRecordError(f"{path.name} cannot be read as a picture: {error}") from None


def _figure(path: Path) -> Any:
    """Return a figure of Plotly.

    Raises:
        RefusedRecordError: it is none, or Plotly is missing.
    """
    try:
        from plotly.io import from_json

        return from_json(path.read_text(encoding="utf-8"))
    except (ImportError, ValueError) as error:
        raise RefusedRecordError(f"{path.name} cannot be read as a figure of Plotly: {error}") from None


def _scale(content: bytes, most: Any) -> float:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return min(most[0] / image.width, most[1] / image.height)


def _file_of(path: str, run_dir: Path, what: str, *, may_be_outside: bool = False) -> Path:
    """Return a file of the run.

    Raises:
        RefusedRecordError: it is missing, or its path leaves the run's directory.
    """
    found = (run_dir / path).resolve()
    is_said = may_be_outside and Path(path).is_absolute()
    if not is_said and not found.is_relative_to(run_dir.resolve()):
        raise RefusedRecordError(f"{what}: {path} leaves the run's directory")
    if not found.exists() or (found.is_dir() and not may_be_outside):
        raise RefusedRecordError(f"{what}: there is no file {path}")
    return found


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size


def _name(name: str) -> str:
    """Return the nearest name that W&B accepts."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")[:_MAX_NAME] or "artifact"


def _type(kind: str) -> str:
    """Return the nearest type that W&B accepts; some it keeps for itself."""
    tame = _name(kind)
    return f"user-{tame}" if tame in ("job", "run_table") or tame.startswith("wandb-") else tame
