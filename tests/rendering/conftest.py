"""Episodes and steps to draw, and the golden pictures that pin how they look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_data import make_episode, make_step, make_vector_step

from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden pictures anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str | None], None]:
    """Compare a picture with its file (None: there is none), or write it with ``--update-golden``."""

    def check(name: str, svg: str | None) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden", default=False):
            path.unlink(missing_ok=True)
            if svg is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(svg, encoding="utf-8", newline="\n")
        known = path.read_text(encoding="utf-8") if path.exists() else None
        assert svg == known, (
            f"{name} is not what it was; look at it, then run pytest tests/rendering --update-golden"
        )

    return check


@pytest.fixture(scope="session")
def step() -> Callable[..., StepVisualizationData]:
    """Make a step of a 4x4 board."""
    return make_step


@pytest.fixture(scope="session")
def vector_step() -> Callable[..., StepVisualizationData]:
    """Make a step of CartPole."""
    return make_vector_step


@pytest.fixture(scope="session")
def episode() -> Callable[..., EpisodeSummaryData]:
    """Make an episode."""
    return make_episode
