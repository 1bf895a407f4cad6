"""Event files of TensorBoard: what is said becomes its protocol buffers, and batches reach the disk whole."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = [
    "EventFile",
    "encoded_image",
    "encoded_scalar",
    "encoded_session",
    "encoded_text",
    "write_together",
]

_VERSION = "brain.Event:2"
_SESSION_TAGS = {True: "_hparams_/session_start_info", False: "_hparams_/session_end_info"}


class EventFile:
    """A file that grows by batches, each at the place where the one before ended.

    What lies behind that place is of a batch that nobody counted: the next one replaces it.

    Args:
        path: the file; folders are made.
        started_us: when the run began, microseconds since the epoch.
        size: bytes that count of a file that is there; 0 begins it anew.

    Attributes:
        size: bytes that count.
    """

    def __init__(self, path: Path, started_us: int, size: int = 0):
        self._path = path
        self.size = size
        self._pending: list[bytes] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._file, size)
        if not size:
            self.add(_event(started_us, file_version=_VERSION))

    def add(self, event: bytes) -> None:
        """Let an event be part of the next batch."""
        self._pending.append(_framed(event))

    def forget(self) -> None:
        """Drop the batch that was not written, all but the head of a new file."""
        del self._pending[0 if self.size else 1 :]

    def write(self) -> int:
        """Write the batch; return the size that the file has then, which does not count yet."""
        content = b"".join(self._pending)
        position = self.size
        while content:
            written = os.pwrite(self._file, content, position)
            content, position = content[written:], position + written
        os.ftruncate(self._file, position)
        os.fsync(self._file)
        return position

    def count(self, size: int) -> None:
        """Let everything up to here count."""
        self.size = size
        self._pending = []

    def close(self) -> None:
        """Let go of the file; ``size`` stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def write_together(files: Iterable[EventFile]) -> None:
    """Write the batches of several files: where one cannot be written none counts, and all come again."""
    files = list(files)
    sizes = [file.write() for file in files]
    for file, size in zip(files, sizes, strict=True):
        file.count(size)


def encoded_scalar(tag: str, value: float, step: int, timestamp_us: int) -> bytes:
    """Return the event of a number, which TensorBoard keeps with 32 bits."""
    kept = min(max(value, -_MOST), _MOST) if math.isfinite(value) else value
    return _summary(_proto("summary").Summary.Value(tag=tag, simple_value=kept), step, timestamp_us)


_MOST = 3.4028234663852886e38


def encoded_text(tag: str, markdown: str, step: int, timestamp_us: int) -> bytes:
    """Return the event of a text, which is shown as Markdown."""
    tensor = _proto("tensor").TensorProto(
        dtype=_proto("types").DT_STRING,
        string_val=[markdown.encode("utf-8", "replace")],
        tensor_shape=_proto("tensor_shape").TensorShapeProto(),
    )
    value = _proto("summary").Summary.Value(tag=tag, tensor=tensor, metadata=_metadata("text"))
    return _summary(value, step, timestamp_us)


def encoded_image(tag: str, content: bytes, size: tuple[int, int], step: int, timestamp_us: int) -> bytes:
    """Return the event of an image: the bytes of a file that browsers show, and its width and height."""
    width, height = size
    image = _proto("summary").Summary.Image(
        width=width, height=height, colorspace=3, encoded_image_string=content
    )
    return _summary(_proto("summary").Summary.Value(tag=tag, image=image), step, timestamp_us)


def encoded_session(
    timestamp_us: int, *, params: Mapping[str, Any] | None = None, group: str = "", status: str = ""
) -> bytes:
    """Return the event with which a session of the HParams page begins, or, without ``params``, ends.

    Args:
        timestamp_us: when.
        params: hyper-parameters by name; what is no number, truth value or text is its JSON.
        group: what the sessions of a run have in common.
        status: how it ended.
    """
    api = import_module("tensorboard.plugins.hparams.api_pb2")
    plugin_data = import_module("tensorboard.plugins.hparams.plugin_data_pb2")

    data = plugin_data.HParamsPluginData(version=0)
    if params is not None:
        data.session_start_info.group_name = group
        data.session_start_info.start_time_secs = timestamp_us / 1e6
        for name, value in params.items():
            _set(data.session_start_info.hparams[name], value)
    else:
        ended_well = status == "FINISHED"
        data.session_end_info.status = (
            api.Status.Value("STATUS_SUCCESS") if ended_well else api.Status.Value("STATUS_FAILURE")
        )
        data.session_end_info.end_time_secs = timestamp_us / 1e6
    nothing = _proto("tensor_shape").TensorShapeProto(
        dim=[_proto("tensor_shape").TensorShapeProto.Dim(size=0)]
    )
    value = _proto("summary").Summary.Value(
        tag=_SESSION_TAGS[params is not None],
        tensor=_proto("tensor").TensorProto(dtype=_proto("types").DT_FLOAT, tensor_shape=nothing),
        metadata=_metadata("hparams", data.SerializeToString()),
    )
    return _summary(value, 0, timestamp_us)


def _set(target: Any, value: Any) -> None:
    """Set a value of a structure: the page can show finite numbers, truth values and text."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)) and abs(value) <= 1e308:
        target.number_value = value
    else:
        target.string_value = value if isinstance(value, str) else json.dumps(value, default=str)


def _proto(name: str) -> Any:
    """Return a module of TensorBoard's protocol buffers."""
    return import_module(f"tensorboard.compat.proto.{name}_pb2")


def _metadata(plugin: str, content: bytes = b"") -> Any:
    data = _proto("summary").SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return _proto("summary").SummaryMetadata(plugin_data=data)


def _summary(value: Any, step: int, timestamp_us: int) -> bytes:
    return _event(timestamp_us, step=step, summary=_proto("summary").Summary(value=[value]))


def _event(timestamp_us: int, **fields: Any) -> bytes:
    return _proto("event").Event(wall_time=timestamp_us / 1e6, **fields).SerializeToString()


def _framed(event: bytes) -> bytes:
    """Return a record of an event file: its length and its bytes, each with a checksum."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    length = struct.pack("<Q", len(event))
    checksums = (struct.pack("<I", masked_crc32c(part)) for part in (length, event))
    return b"".join((length, next(checksums), event, next(checksums)))
