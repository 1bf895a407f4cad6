"""The page about a run: what ran, how it went, what it cost, and whether anything was lost."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from jaxarc.config import VisualizationConfig
from jaxarc.errors import ConfigError
from jaxarc.pipeline.health_text import losses_text
from jaxarc.rendering import Style, render_run
from jaxarc.rendering.text import clean
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import style_of
from jaxarc.replay.views.run_summary import RunSummary, summarise_run
from jaxarc.storage import (
    EpisodeManager,
    atomic_write_bytes,
    keep_segments_open,
    run_storage_config,
    writer_name,
)
from jaxarc.storage.atomic import storage_errors
from jaxarc.visualization.report_artifacts import report_artifacts
from jaxarc.visualization.report_media import builder_cost, media_cards
from jaxarc.visualization.report_metrics import metric_charts
from jaxarc.visualization.report_pictures import ReportPictures
from jaxarc.visualization.report_warnings import report_warnings
from jaxarc.visualization.report_words import FILTERS

__all__ = ["REPORT_FILE", "PageTheme", "report_page", "write_report"]

REPORT_FILE = "report/index.html"
"""Where a report lies in its run."""

PageTheme = Literal["auto", "light", "dark"]
"""What a page shows first; ``auto`` follows the reader's system."""

_MAX_PICTURE_BYTES = 2_400_000
_MAX_THUMBS = 16
_SHEDDING = {
    "overflow": "the writer did not keep up and the queue was full",
    "budget": "recording cost more than capture.budget allows",
}


def _provenance(run: RunSummary) -> Iterator[tuple[str, str]]:
    """Yield what ran where, as far as the run says it."""
    info = run.info
    versions, git = info.get("versions"), info.get("git")
    if info.get("entrypoint"):
        yield "Program", str(info["entrypoint"])
    if isinstance(git, dict) and git.get("commit"):
        dirty = ", with changes that are not committed" if git.get("dirty") else ""
        branch = f" on {git['branch']}" if git.get("branch") else ""
        yield "Source", f"{str(git['commit'])[:12]}{branch}{dirty}"
    devices = info.get("devices")
    if isinstance(devices, list) and devices:
        named = ", ".join(map(str, devices[:8])) + (", …" if len(devices) > 8 else "")
        yield "Devices", f"{len(devices)}: {named}" if len(devices) > 1 else named
    if info.get("hostname"):
        yield "Machine", ", ".join(str(info[key]) for key in ("hostname", "platform") if info.get(key))
    if isinstance(versions, dict):
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if run.num_attempts > 1:
        yield "Attempts", f"{run.num_attempts}; the run was resumed"


def _commands(run: RunSummary) -> list[str]:
    """Return what to type next."""
    name = shlex.quote(clean(run.name))
    if not run.picture.num_episodes:
        return [f"jaxarc show {name}", *([f"jaxarc doctor {name}"] if run.problems else [])]
    lines = [f"jaxarc ls {name} --sort -total_reward"]
    stored = next((row for row in run.remarkable.values() if row.stored_steps), None)
    if stored is None and run.examples:
        stored = run.examples[0]
    if stored is not None:
        number = f"{writer_name(stored.writer)}-{stored.episode}" if stored.writer else f"{stored.episode}"
        lines += [f"jaxarc show {name} {number}", f"jaxarc render {name} {number}"]
    lines.append(f"jaxarc export {name} --format parquet --out data")
    if run.problems or run.status == "LOST":
        lines.append(f"jaxarc doctor {name}")
    return lines


def _own_look(config: Mapping[str, Any] | None) -> VisualizationConfig:
    """Return how the run was told to draw; the defaults where its configuration does not say."""
    said = (config or {}).get("visualization")
    known = {each.name for each in fields(VisualizationConfig)} - {"live"}
    if not isinstance(said, Mapping):
        return VisualizationConfig()
    try:
        return VisualizationConfig(**{name: value for name, value in said.items() if name in known})
    except (TypeError, ConfigError):
        return VisualizationConfig()


@lru_cache(maxsize=1)
def _page() -> tuple[Any, Any]:
    """Return the style sheet and the compiled template."""
    import jinja2
    from markupsafe import Markup

    def plain(value: Any) -> Any:
        return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    templates = files("jaxarc.visualization") / "templates"
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=plain,
    )
    environment.filters.update(FILTERS)
    template = environment.from_string((templates / "report.html").read_text(encoding="utf-8"))
    return Markup((templates / "report.css").read_text(encoding="utf-8")), template


def report_page(
    run: ReplaySystem,
    style: Style | None = None,
    *,
    theme: PageTheme | None = None,
    folder: Path | None = None,
    max_thumbs: int = _MAX_THUMBS,
) -> str:
    """Return the page about a run as HTML, with everything in it; nothing is loaded from anywhere.

    Its Content-Security-Policy allows its own style sheet and pictures in the page, and nothing else, so it
    holds no script. Names and messages of the run are text wherever they stand. Pictures are in the page
    twice, light and dark; the style sheet and a switch choose.

    Args:
        run: the run, whatever became of it.
        style: the look of the pictures but for their theme; that of the run when left off.
        theme: what the page shows first; ``dark`` for a run that draws so, else ``auto``, when left off.
        folder: where the page will lie, from which its links are relative; ``report`` in the run when left
            off.
        max_thumbs: the most episodes in the gallery.

    Returns:
        The same bytes for the same files.
    """
    summary = summarise_run(run, max_examples=max_thumbs)
    look = _own_look(summary.config)
    manager = EpisodeManager(run_storage_config(run.run_dir), run.run_dir)
    pictures = ReportPictures(
        run, style or style_of(look), folder or run.run_dir / "report", manager, _MAX_PICTURE_BYTES
    )
    css, template = _page()
    run_picture = pictures.pair(lambda style: render_run(summary.picture, style, with_heading=False))
    with keep_segments_open():
        cards, thumbs = pictures.cards(summary.remarkable), pictures.thumbs(summary.examples)
    charts, num_charts = metric_charts(run)
    warnings = report_warnings(run)
    media, num_media = media_cards(run, folder or run.run_dir / "report")
    return template.render(
        run=summary,
        charts=charts,
        num_charts=num_charts,
        media=media,
        num_media=num_media,
        builders=builder_cost(run),
        warnings=warnings,
        run_picture=run_picture,
        cards=cards,
        thumbs=thumbs,
        artifacts=report_artifacts(run.artifacts(), folder or run.run_dir / "report"),
        level=summary.info.get("level", ""),
        took_s=summary.info.get("duration_s"),
        config_hash=summary.info.get("config_hash", ""),
        losses=losses_text(summary.losses or {}),
        provenance=list(_provenance(summary)),
        commands=_commands(summary),
        shedding=_SHEDDING,
        theme=theme or ("dark" if look.theme == "dark" else "auto"),
        css=css,
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        version=metadata.version("jaxarc-toolkit"),
    )


def write_report(
    run: ReplaySystem,
    style: Style | None = None,
    *,
    out: Path | None = None,
    theme: PageTheme | None = None,
) -> Path:
    """Write the page about a run, whole or not at all; return its path.

    Args:
        run: the run, whatever became of it.
        style: the look of the pictures but for their theme; that of the run when left off.
        out: the file; ``report/index.html`` in the run when left off.
        theme: as for `report_page`.

    Raises:
        StorageError: it cannot be written.
    """
    path = run.run_dir / REPORT_FILE if out is None else out
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    page = report_page(run, style, theme=theme, folder=path.parent)
    atomic_write_bytes(path, page.encode(), durable=False)
    return path
