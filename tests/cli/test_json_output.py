"""What ``--json`` prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from jaxarc.cli.json_output import print_json, to_json_value


@dataclass(frozen=True)
class Found:
    """Something with fields."""

    name: str
    path: Path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float32("inf"), None),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(2**62), 2**62),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.bytes_("ä".encode()), "ä"),
        ({3: (1, 2)}, {"3": [1, 2]}),
        (Found("a", Path("b/c")), {"name": "a", "path": "b/c"}),
        ({"b", "a"}, ["a", "b"]),
    ],
    ids=range(10),
)
def test_values_are_those_that_were_recorded(value: object, expected: object) -> None:
    """NumPy's become plain ones of the same value; what JSON has no number for is null."""
    assert to_json_value(value) == expected


def test_the_document_stays_one_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys keep their order, text stays readable, and nothing of it acts on a terminal."""
    document = {"z": "grün ✓", "a": "\x1b[31m\x9b2J\u202e\n", "odd": "\udcff"}
    print_json(document)
    printed = capsys.readouterr().out
    assert json.loads(printed) == document
    assert list(json.loads(printed)) == ["z", "a", "odd"]
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed)
    print_json({"z": "grün ✓", "a": "\x9b"})
    printed = capsys.readouterr().out
    assert "grün ✓" in printed
    assert "\x9b" not in printed


def test_what_has_no_form_in_json_is_refused() -> None:
    """Rather than its address."""
    with pytest.raises(TypeError, match="object has no form in JSON"):
        to_json_value(object())
