"""Events of a run: one envelope, one codec."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxarc.records.json_values import PlainValues, restored_value

__all__ = ["EVENT_VERSION", "Event", "decode_event", "encode_counted", "encode_event"]

EVENT_VERSION = 1
_MAX_ELEMENTS = 100_000
"""A larger array does not stand in a line: it belongs into a Step."""

_TAGGED = re.compile(rb"\$|\\u0024")
"""What stands in a line with a tagged number."""


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


def encode_event(event: Event) -> bytes:
    """Return the event as one line of JSON; NaN and infinities survive as ``{"$float": "nan"}``."""
    return encode_counted(event)[0]


def encode_counted(event: Event, devices: set[str] | None = None) -> tuple[bytes, int]:
    """Return the event as one line of JSON, and how many of its values had no JSON form and became text.

    Never raises for what the payload holds: integers of more than 1,024 bits are ``{"$int": "0x…"}``, arrays
    of more than 100,000 elements and everything unknown are text.

    Args:
        event: what is said.
        devices: gets the names of the devices that its arrays of JAX lay on.
    """
    plain = PlainValues(_MAX_ELEMENTS, devices)
    envelope = {
        "v": event.version,
        "t": event.type,
        "m": {"seq": event.seq, "ts": event.timestamp_us, "wid": event.writer},
        "p": plain.of(event.payload),
    }
    text = json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode() + b"\n", plain.coerced
    except UnicodeEncodeError:  # a file name that is not UTF-8: its odd bytes survive as escapes
        escaped = json.dumps(envelope, allow_nan=False, separators=(",", ":"))
        return escaped.encode() + b"\n", plain.coerced


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
            payload=restored_value(envelope["p"]) if _TAGGED.search(line) else envelope["p"],
            seq=int(meta["seq"]),
            timestamp_us=int(meta["ts"]),
            writer=str(meta["wid"]),
            version=int(envelope["v"]),
        )
    except (LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not an event: {error!r}") from error
