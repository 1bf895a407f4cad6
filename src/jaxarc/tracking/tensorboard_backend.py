"""TensorBoard shows a run: event files in a folder, and in one more for each of several members."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jaxarc.config.tensorboard import TensorBoardConfig
from jaxarc.errors import RefusedRecordError, StartOverError
from jaxarc.records.experiment_events import (
    Artifact,
    Checkpoint,
    ExperimentEvent,
    Log,
    Media,
    MetricBatch,
    Param,
    RunEnd,
    RunStart,
    Status,
    Summary,
    Table,
    Tag,
)
from jaxarc.tracking.backend import RunInfo, TrackedRecord
from jaxarc.tracking.event_files import (
    EventFile,
    encoded_image,
    encoded_scalar,
    encoded_session,
    encoded_text,
    write_together,
)
from jaxarc.tracking.image_files import shown_image
from jaxarc.tracking.markdown_tables import markdown_block, markdown_pairs, markdown_table
from jaxarc.tracking.series_names import is_of_several, member_of, series_name
from jaxarc.tracking.whole_steps import LARGEST_STEP, whole_step

__all__ = ["TensorBoardBackend"]

_UPLOAD_BYTES = 200_000_000


@dataclass
class _Shown:
    """What was shown so far, kept with the ticket.

    Attributes:
        params, tags: by name.
        told_params: how many parameters the last table of them had.
        steps: the next step of what has none, by folder and name.
        sessions: folders whose session of the HParams page began.
        has_members: whether the run's own folder shows numbers of a member.
        media_bytes: bytes of the images.
        last_us: when the last record was said.
    """

    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    told_params: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)
    has_members: bool = False
    media_bytes: int = 0
    last_us: int = 0


class TensorBoardBackend:
    """Write a run's event files, which ``tensorboard --logdir`` shows while they grow.

    A run of one member is one folder. Of several each has a folder in it, ``member_0`` and so on, and so has
    their ``mean``; the run's own folder has what belongs to all. Numbers are scalars over the step with which
    they were logged, at the time at which they were logged, and named by their context: ``train/loss``.
    Images are images. Parameters are those of the HParams page. Everything else is a text.

    Args:
        settings: where the files are written.
    """

    name = "tensorboard"

    def __init__(self, settings: TensorBoardConfig | None = None):
        self.settings = settings or TensorBoardConfig()
        self._files: dict[str, EventFile] = {}
        self._shown = _Shown()
        self._has_several = False

    @property
    def target(self) -> str:
        """The folder for all runs; empty where each has its own."""
        return self.settings.log_dir or ""

    def open(self, run: RunInfo) -> None:
        """Begin, or go on behind what the ticket counts.

        Raises:
            StartOverError: a file is gone, or shorter than it was.
        """
        self._run = run
        log_dir = self.settings.log_dir
        self._folder = run.run_dir / "tensorboard"
        if log_dir is not None:
            self._folder = Path(log_dir).expanduser() / run.run_dir.parent.name / run.run_dir.name
        for file in self._files.values():
            file.close()
        self._files = {}
        sizes: dict[str, int] = dict(run.ticket.get("sizes", {}))
        self._shown = _Shown(**run.ticket.get("shown", {}))
        self._has_several |= bool(run.ticket.get("has_several"))
        for place, size in sizes.items():
            path = self._path(place)
            if not path.is_file() or path.stat().st_size < size:
                raise StartOverError(f"{path} is gone, or shorter than it was; it is written anew")
        for path in self._folder.glob(f"**/{self._path('').name}"):
            place = path.parent.relative_to(self._folder).as_posix()
            if ("" if place == "." else place) not in sizes:
                path.unlink()
        for place, size in sizes.items():
            self._files[place] = EventFile(self._path(place), run.created_us, size)

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Show records; all of them, or, where that fails, none.

        Raises:
            RefusedRecordError: a picture is gone, or lies outside of the run; a step is no number.
            StartOverError: the run has several members, and the first one's numbers are in its own folder.
            OSError: a file cannot be written.
        """
        if not self._has_several and any(is_of_several(record.said) for record in records):
            self._has_several = True
            if self._shown.has_members:
                raise StartOverError("TensorBoard: the run has several members; it is written anew")
        with self._together():
            for record in records:
                self._shown.last_us = max(self._shown.last_us, record.timestamp_us)
                self._show(record.said, record.timestamp_us)

    def ticket(self) -> Mapping[str, Any]:
        """Return how many bytes of each file count, and what was shown."""
        sizes = {place: file.size for place, file in self._files.items()}
        shown_at = f"tensorboard --logdir {self._folder}"
        return {
            "sizes": sizes,
            "shown": asdict(self._shown),
            "has_several": self._has_several,
            "shown_at": shown_at,
        }

    def close(self, status: str) -> None:
        """End, for good unless the status is RUNNING.

        Raises:
            OSError: a file cannot be written.
        """
        if status != "RUNNING":
            with self._together():
                self._end(status)
        for file in self._files.values():
            file.close()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Write what is shown in this block, or, where something fails, nothing of it."""
        before = copy.deepcopy(self._shown)
        try:
            yield
            write_together(self._files.values())
        except BaseException:
            self._shown = before
            for file in self._files.values():
                file.forget()
            raise

    def _end(self, status: str) -> None:
        last = self._shown.last_us or self._run.created_us
        if self._shown.params:
            self._tell_params(last)
            if not self._shown.sessions:
                self._begin_session("", last)
        for place in self._shown.sessions:
            self._file(place).add(encoded_session(last, status=status))

    def _show(self, said: ExperimentEvent, at: int) -> None:
        match said:
            case MetricBatch():
                self._show_metrics(said, at)
            case Media():
                self._show_media(said, at)
            case Param():
                self._shown.params[said.key] = said.value
            case Tag() | RunStart():
                self._shown.tags.update(said.tags)
                for name in said.removed if isinstance(said, Tag) else ():
                    self._shown.tags.pop(name, None)
                if said.tags or isinstance(said, Tag):
                    self._text("run/tags", markdown_pairs(self._shown.tags), None, at)
                if isinstance(said, RunStart):
                    self._text("run/source", markdown_pairs(said.source), None, at)
                    self._text("run/environment", markdown_pairs(said.env), None, at)
                    config = json.dumps(self._run.config, indent=1, ensure_ascii=False, default=str)
                    self._text("run/config", markdown_block(config), None, at)
            case Summary():
                self._text("run/summary", markdown_pairs(said.values), None, at)
            case Table():
                self._text(said.key, markdown_table(said.columns, said.rows), said.step, at)
            case Status():
                words = {"status": said.status, "message": said.msg, **(said.progress or {})}
                self._text("run/status", markdown_pairs(words), None, at)
            case Log():
                fields = f"\n{json.dumps(dict(said.fields), default=str)}" if said.fields else ""
                self._text("run/log", markdown_block(f"{said.level}: {said.msg}{fields}"), said.step, at)
            case Artifact():
                words = {"name": said.name, "type": said.type, "path": said.path, "size": said.size}
                self._text("run/artifacts", markdown_pairs({**words, **said.meta}), None, at)
            case Checkpoint():
                words = {"path": said.path, "epoch": said.epoch, "best": said.is_best, **said.metrics}
                self._text("run/checkpoints", markdown_pairs(words), said.step, at)
            case RunEnd() if said.error:
                self._text("run/error", markdown_block("\n".join(map(str, said.error.values()))), None, at)

    def _show_metrics(self, said: MetricBatch, at: int) -> None:
        place = self._place(said)
        numbers = {key: value for key, value in said.metrics.items() if _is_number(value)}
        for key, value in said.metrics.items():
            tag = series_name(str(key), said.ctx)
            if key in numbers:
                self._file(place).add(
                    encoded_scalar(tag, float(value), self._step(tag, said.step, place), at)
                )
            elif value is not None:
                words = value if isinstance(value, str) else json.dumps(value, default=str)
                self._text(tag, markdown_block(words), said.step, at, place)
        if numbers:
            self._shown.has_members |= place == "" and member_of(said) is not None
            if place != "mean" and place not in self._shown.sessions and self._shown.params:
                self._tell_params(at)
                self._begin_session(place, at)

    def _show_media(self, said: Media, at: int) -> None:
        place = self._place(said)
        path = self._run.run_dir / said.path
        if not path.resolve().is_relative_to(self._run.run_dir.resolve()):
            raise RefusedRecordError(f"{said.path} lies outside of the run")
        if not path.is_file():
            raise RefusedRecordError(f"{said.path} is not there")
        if said.kind == "text":
            self._text(said.key, markdown_block(path.read_text("utf-8", "replace")), said.step, at, place)
            return
        image = shown_image(path) if said.kind == "image" else None
        logging = self._run.config.get("logging") or {}
        budget = logging.get("upload_bytes", _UPLOAD_BYTES)
        if image is None or self._shown.media_bytes + len(image[0]) > budget:
            why = "" if image is None else f"; logging.upload_bytes={budget:,} are used up"
            words = {"kind": said.kind, "file": str(path) + why, "caption": said.caption}
            self._text(said.key, markdown_pairs(words), said.step, at, place)
            return
        self._shown.media_bytes += len(image[0])
        step = self._step(said.key, said.step, place)
        self._file(place).add(encoded_image(said.key, *image, step, at))

    def _tell_params(self, at: int) -> None:
        """Show the parameters as a table, where some are new."""
        if len(self._shown.params) != self._shown.told_params:
            self._shown.told_params = len(self._shown.params)
            self._text("run/params", markdown_pairs(self._shown.params), None, at)

    def _begin_session(self, place: str, at: int) -> None:
        member = {"member": int(place.removeprefix("member_"))} if place else {}
        params = {**self._shown.params, **member}
        # A row of the page is a group: each member is one.
        group = f"{self._run.run_id} {place}".strip()
        self._file(place).add(encoded_session(at, params=params, group=group))
        self._shown.sessions.append(place)

    def _text(self, tag: str, markdown: str, step: int | None, at: int, place: str = "") -> None:
        self._file(place).add(encoded_text(tag, markdown, self._step(tag, step, place), at))

    def _step(self, tag: str, step: Any, place: str) -> int:
        """Return the step; what has none is counted."""
        if step is not None:
            if isinstance(step, (int, float)):
                step = min(max(step, -LARGEST_STEP), LARGEST_STEP)
            return whole_step(step, tag)
        key = f"{place}:{tag}"
        self._shown.steps[key] = self._shown.steps.get(key, -1) + 1
        return self._shown.steps[key]

    def _place(self, said: MetricBatch | Media) -> str:
        """Return the folder that shows something; empty for the run's own."""
        if not self._has_several:
            return ""
        if isinstance(said, MetricBatch) and said.ctx.get("agg") == "mean":
            return "mean"
        member = member_of(said)
        return "" if member is None else f"member_{member}"

    def _file(self, place: str) -> EventFile:
        if place not in self._files:
            self._files[place] = EventFile(self._path(place), self._run.created_us)
        return self._files[place]

    def _path(self, place: str) -> Path:
        return self._folder / place / f"events.out.tfevents.{self._run.created_us // 1_000_000:010d}.jaxarc"


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**1023)
