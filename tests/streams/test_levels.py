"""What streams of one program record: levels, environments and keep rules of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from laps import lap_step, laps
from recording import config, read

from jaxarc import Recorder
from jaxarc.errors import NotRecordedError
from jaxarc.replay import ReplaySystem

NUM_STEPS, NUM_ENVS = 28, 4

STREAMS: dict[str, dict[str, Any]] = {
    "sketch": {"level": "standard", "envs": [2]},
    "every": {"level": "verbose", "envs": [0, 3], "keep": ["every_n:2"]},
    "whole": {"level": "full", "envs": 1},
    "quiet": {"level": "off"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """One program that records the same rollout into five streams."""
    settings = config(tmp_path_factory.mktemp("runs"), "minimal", capture={"streams": STREAMS})
    with Recorder(settings) as recorder:

        @jax.jit
        def play(counts: jax.Array) -> None:
            for stream in ("train", *STREAMS):

                def body(counts: jax.Array, _: None) -> Any:
                    step = lap_step(counts)
                    return counts + 1, (replace(step, state={"count": counts}), None)

                recorder.scan(body, counts, None, NUM_STEPS, stream=stream)

        play(14 * jnp.arange(NUM_ENVS))
        recorder.flush()
        assert recorder.health().accepted_chunks == 4
    assert recorder.health().losses == {}
    return read(recorder)


def test_every_stream_has_a_row_for_every_episode_but_the_one_that_is_off(run: ReplaySystem):
    """Rows do not depend on the level, the environments or the rule."""
    lengths = [len(lap.action) for lap in laps(0, NUM_STEPS)]
    for stream in ("train", "sketch", "every", "whole"):
        for env in range(NUM_ENVS):
            rows = run.episodes(f"stream == '{stream}' and env_id == {env}", sort="uid")
            assert rows["total_steps"].tolist() == lengths
    assert {row.stream for row in run.episodes()} == {"train", "sketch", "every", "whole"}


def stored(run: ReplaySystem, stream: str) -> dict[int, list[int]]:
    """Return the stored steps of every episode of a stream, by environment."""
    rows = run.episodes(f"stream == '{stream}'", sort="uid")
    return {
        env: [int(row.stored_steps) for row in rows if row.env_id == env]
        for env in sorted(set(rows["env_id"].tolist()))
    }


def test_steps_are_stored_as_each_stream_says(run: ReplaySystem):
    """Nothing at minimal, key steps at standard, every step of the kept ones at verbose and full."""
    lengths = [len(lap.action) for lap in laps(0, NUM_STEPS)]
    nothing = [0] * len(lengths)
    assert stored(run, "train") == dict.fromkeys(range(NUM_ENVS), nothing)
    assert stored(run, "whole") == {0: lengths, 1: nothing, 2: nothing, 3: nothing}
    sketched = stored(run, "sketch")
    assert [sketched[env] for env in (0, 1, 3)] == [nothing] * 3
    assert all(0 < count <= length for count, length in zip(sketched[2], lengths, strict=True))
    kept = stored(run, "every")
    assert (kept[1], kept[2]) == (nothing, nothing)
    ended = [(row.episode, row.env_id) for row in run.episodes("stream == 'every'", sort="episode")]
    selected = [number for number, env in ended if env in (0, 3)]
    for index, number in enumerate(selected):
        row = run.load_episode(number).row
        assert row.stored_steps == (row.total_steps if index % 2 == 0 else 0)


def test_only_full_stores_states(run: ReplaySystem):
    """The other streams of the program do not carry them."""
    whole = run.episodes("stream == 'whole' and env_id == 0", sort="uid", limit=1)
    assert run.load_episode(whole["episode"][0]).state["count"].tolist() == list(range(9))
    every = run.episodes("stream == 'every' and stored_steps > 0", limit=1)
    with pytest.raises(NotRecordedError, match=r"capture\.level=full"):
        _ = run.load_episode(every["episode"][0]).state
