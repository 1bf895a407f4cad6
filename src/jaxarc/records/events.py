"""Events of a run: one envelope, one codec."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["EVENT_VERSION", "Event", "decode_event", "encode_event", "plain_value", "restored_value"]

EVENT_VERSION = 1
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True)
class Event:
    """One line of the event log.

    Attributes:
        type: what happened (``run_start``, ``metric_batch``, ``status``, …).
        payload: plain values; what they mean depends on the type.
        seq: number of the event in its file, from 0; given by the log.
        timestamp_us: microseconds since the epoch; given by the log.
        writer: the process that wrote it.
        version: version of the envelope.
    """

    type: str
    payload: Mapping[str, Any]
    seq: int = -1
    timestamp_us: int = 0
    writer: str = ""
    version: int = EVENT_VERSION


def plain_value(value: Any) -> Any:
    """Turn NumPy scalars and non-finite floats into JSON values; everything else unknown becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"$float": "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain_value(value.item())
    if hasattr(value, "tolist"):
        return plain_value(value.tolist())
    return str(value)


def restored_value(value: Any) -> Any:
    """Read the tagged floats of what ``plain_value`` made."""
    if isinstance(value, dict):
        if value.keys() == {"$float"} and value["$float"] in _NON_FINITE:
            return _NON_FINITE[value["$float"]]
        return {key: restored_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored_value(item) for item in value]
    return value


def encode_event(event: Event) -> bytes:
    """Return the event as one line of JSON; NaN and infinities survive as ``{"$float": "nan"}``."""
    envelope = {
        "v": event.version,
        "t": event.type,
        "m": {"seq": event.seq, "ts": event.timestamp_us, "wid": event.writer},
        "p": plain_value(event.payload),
    }
    text = json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # a file name that is not UTF-8: its odd bytes survive as escapes
        return json.dumps(envelope, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def decode_event(line: bytes) -> Event:
    """Read what ``encode_event`` wrote; unknown keys of the envelope are passed over.

    Raises:
        ValueError: the line is no event (torn, damaged, or another program's).
    """
    try:
        envelope = json.loads(line)
        meta = envelope["m"]
        return Event(
            type=str(envelope["t"]),
            payload=restored_value(envelope["p"]),
            seq=int(meta["seq"]),
            timestamp_us=int(meta["ts"]),
            writer=str(meta["wid"]),
            version=int(envelope["v"]),
        )
    except (LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not an event: {error!r}") from error
