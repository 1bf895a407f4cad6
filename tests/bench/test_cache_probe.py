"""What a second process finds in the persistent compilation cache."""

from __future__ import annotations

import pytest

from jaxarc.bench.cache_probe import measure_cache


@pytest.mark.long
def test_a_second_process_finds_the_program_without_a_recorder() -> None:
    """And at level off, which is the same program; each level is looked up once."""
    found = measure_cache(("none", "off", "verbose"))
    assert found["none"] == found["off"] == {"requests": 1, "hits": 1}
    assert found["verbose"]["requests"] <= 1
