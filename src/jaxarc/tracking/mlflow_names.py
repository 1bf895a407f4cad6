"""Names and values as MLflow takes them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from jaxarc.records.json_values import plain_value
from jaxarc.tracking.series_names import series_name

__all__ = ["file_name", "metric_number", "metric_value", "name_of", "series_of", "text_of"]

_MAX_NAME = 250
_MAX_VALUE = 5_000
_FORBIDDEN = re.compile(r"[^/\w.\- :]")
_LARGEST = 1.7976931348623157e308
"""What a store on SQL keeps for an infinity."""


def name_of(key: str) -> str:
    """Return a name that MLflow takes: characters that it forbids are underscores, long ones are cut.

    A name that is cut ends in eight digits of its hash, so that two of them stay two.
    """
    parts = [part for part in _FORBIDDEN.sub("_", key).split("/") if part.strip(". ")]
    name = "/".join(parts) or "_"
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[: _MAX_NAME - 9]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def series_of(key: str, ctx: Mapping[str, Any]) -> str:
    """Return the name of a series: what tells it apart stands before the metric."""
    return name_of(series_name(key, ctx))


def file_name(name: str) -> str:
    """Return a name as one part of a path."""
    return name_of(name).replace("/", "_").replace(":", "_").strip(" .") or "_"


def text_of(value: Any) -> str:
    """Return the text of a parameter or tag: MLflow's own for scalars, JSON for everything else."""
    if isinstance(value, (str, bool, int, float)) or value is None:
        text = str(value)
    else:
        text = json.dumps(plain_value(value), ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def metric_value(value: Any) -> float | None:
    """Return the number that a metric has; None for what is none.

    Raises:
        OverflowError: an integer is too large for one.
    """
    return float(value) if isinstance(value, (bool, int, float)) else None


def metric_number(value: float) -> str:
    """Return what a value is compared by, as every store gives it back."""
    return repr(min(max(value, -_LARGEST), _LARGEST)) if value == value else "nan"
