"""Numbers and times as a report writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from jaxarc.rendering.text import number

__all__ = ["FILTERS"]

_LONGEST_NAME = 80


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _percent(share: float) -> str:
    if share != share:
        return "not known"
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share * 100:.0f}%" if share in (0.0, 1.0) or 0.1 <= share <= 0.99 else f"{share * 100:.1f}%"


def _bytes(count: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"


def _seconds(value: float) -> str:
    return (
        f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"
    )


def _duration(value: float) -> str:
    """Return ``48 s``, ``12 min 5 s``, ``3 h 20 min`` or ``2 d 4 h``."""
    if value < 60:
        return _seconds(value)
    whole = round(value)
    for long, short, unit, below in ((86_400, 3_600, "d", "h"), (3_600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= long:
            rest = whole % long // short
            return f"{whole // long} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def _moment(timestamp_us: float) -> str:
    """Return a time in UTC; what is no time of this era is said as it is."""
    try:
        return f"{datetime.fromtimestamp(timestamp_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{timestamp_us:.0f} \N{MICRO SIGN}s after 1970"


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


FILTERS = {
    "thousands": _thousands,
    "counted": _counted,
    "percent": _percent,
    "bytes": _bytes,
    "seconds": _seconds,
    "duration": _duration,
    "moment": _moment,
    "as_json": _as_json,
    "shortened": _shortened,
    "number": number,
    "rate": lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.1f}",
}
"""The filters of the template, by name."""
