"""What a Recorder is told besides Steps is checked where it is said, not later by the writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from recording import config

from jaxarc import Recorder, Step
from jaxarc.errors import CaptureError


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory):
    """One recorder for all refusals."""
    with Recorder(config(tmp_path_factory.mktemp("runs"), "minimal")) as recorder:
        yield recorder


def test_a_stream_is_a_name(recorder: Recorder) -> None:
    """Anything else would fail in the writer, and cost the rows."""
    with pytest.raises(CaptureError, match="give a name, such as stream='eval'"):
        recorder.tap(Step(reward=1.0, terminated=True), stream="")


@pytest.mark.parametrize("names", [5, "abc", {0: "a"}])
def test_names_are_a_sequence(recorder: Recorder, names: Any) -> None:
    """A label without a name for one of its values would cost the rows, too."""
    with pytest.raises(CaptureError, match="names of task are a"):
        recorder.names(task=names)


def test_a_step_of_several_values_is_refused_by_its_name(recorder: Recorder) -> None:
    """The message names the argument that was given."""
    with pytest.raises(CaptureError, match=r"step= has shape \[3\]"):
        recorder.log({"loss": 1.0}, step=jnp.arange(3))


def test_who_runs_a_program_of_a_lower_level_hears_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program keeps the level that it was traced with: said once, with the way out, which works."""
    import jax

    def body(count: Any, _: None) -> Any:
        return count + 1, (Step(observation=count, reward=1.0, terminated=count % 5 == 4), ())

    @jax.jit
    def play(count: Any) -> Any:
        return recorder.scan(body, count, length=10)[0]

    with Recorder(config(tmp_path, "minimal")) as recorder:
        play(0)
    with Recorder(config(tmp_path, "verbose")) as recorder:
        play(0)
        play(0)
        recorder.flush()
        said = [record for record in caplog.records if "compiled for a lower level" in record.message]
        assert len(said) == 1
        assert recorder.health().stored_steps == 0
        jax.clear_caches()
        play(0)
    assert recorder.health().stored_steps == 10
