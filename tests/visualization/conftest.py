"""One recorded run of real tasks for all tests that only read it."""

from __future__ import annotations

import pytest
from arc_run import record_arc_run

from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="session")
def arc_run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Two ARC tasks in two environments, every step stored, nothing drawn."""
    return record_arc_run(tmp_path_factory.mktemp("arc"), num_steps=48)
