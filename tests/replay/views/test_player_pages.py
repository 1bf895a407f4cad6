"""What the player is told of recorded episodes: everything that is there, and in words what is not."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from odd_run import record_odd_run
from pictures_of_mine import of_state, pixels, script
from recording import config

import jaxarc
from jaxarc.errors import RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.player import PlayerRemark
from jaxarc.rendering.player.packing import read_stream
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.player_pages import episode_page, player_episode


def record(
    root: Path, num_steps: int, *, level: str = "verbose", capture: Any = (), **fields: Any
) -> EpisodeData:
    """Record one episode and return it as it was stored."""
    ended = jnp.arange(num_steps) == num_steps - 1
    fields = {"reward": jnp.zeros(num_steps), "terminated": ended} | fields
    with jaxarc.Recorder(config(root, level, capture=dict(capture))) as recorder:
        recorder.record_rollout(jaxarc.Step(**fields))
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir).load_episode(0)


def test_an_arc_episode_has_boards_actions_selections_and_its_target(arc_run: ReplaySystem) -> None:
    """Every step is there, with the board before and after it."""
    episode = arc_run.load_episode(0)
    player = player_episode(episode)
    assert np.array_equal(player.observation, episode.observation)
    assert np.array_equal(player.observation[player.after], episode.next_observation)
    assert np.array_equal(player.observation[player.before], episode.observation[:-1])
    assert np.array_equal(player.selection, episode.action["selection"])
    assert np.array_equal(player.target, episode.constants["target"])
    assert list(player.series) == ["reward", "similarity"]
    assert player.task_id == episode.row.task_id
    assert len(player.actions) == len(episode.step)
    assert all(words.startswith(("Fill", "Submit", "Resize")) for words in player.actions)
    assert (player.notes, player.every) == ((), 1)
    assert player.moments[-1].words.endswith(str(episode.row.ended))


def test_a_page_of_a_run_lists_its_episodes(arc_run: ReplaySystem) -> None:
    """One call makes the page; it says the same twice."""
    episodes = [arc_run.load_episode(number) for number in range(3)]
    page = episode_page(episodes, title="two tasks")
    assert "<title>two tasks</title>" in page
    assert page == episode_page(episodes, title="two tasks")


def test_an_episode_of_all_dtypes_can_be_played(tmp_path: Path) -> None:
    """Boards, masks, half precision, 64 bits, infinities, empty arrays and complex numbers."""
    run = record_odd_run(tmp_path)
    players = [player_episode(run.load_episode(number)) for number in range(len(run))]
    assert players[0].task_id == "first"
    assert any("m" in player.series for player in players)
    assert episode_page([run.load_episode(number) for number in range(len(run))])


def test_what_is_cut_is_said(tmp_path: Path) -> None:
    """The last episode of a recording that stopped ended with it."""
    run = record_odd_run(tmp_path)
    assert player_episode(run.load_episode(2)).notes == ("The recording ended before this episode did.",)


def test_an_episode_that_is_still_running_says_so(tmp_path: Path) -> None:
    """Of a run that is being written, the open episode shows what was flushed."""
    with jaxarc.Recorder(config(tmp_path)) as recorder:
        steps = {"reward": jnp.zeros(4), "terminated": jnp.zeros(4, bool), "observation": jnp.zeros((4, 2))}
        recorder.record_rollout(jaxarc.Step(**steps))
        recorder.flush()
        assert recorder.run_dir is not None
        player = player_episode(jaxarc.open(recorder.run_dir).load_episode(0))
    assert player.ended == "running"
    assert player.notes[0] == "This episode is still running; what is here are its first 4 steps."


def test_a_row_alone_says_why_there_are_no_steps(tmp_path: Path) -> None:
    """At the level minimal nothing but rows is stored."""
    player = player_episode(record(tmp_path, 5, level="minimal"))
    assert len(player.step) == 0
    assert "Only its row is stored" in player.notes[0]
    assert "capture.level" in player.notes[0]


def test_key_steps_are_said_to_be_all_there_is(tmp_path: Path) -> None:
    """Steps that lead nowhere that is stored have no board after them."""
    boards = jnp.arange(40)[:, None, None] * jnp.ones((1, 2, 2), jnp.int32)
    episode = record(tmp_path, 40, level="standard", capture={"key_steps": 4}, observation=boards)
    player = player_episode(episode)
    assert player.notes == (
        "What its last step led to was not recorded.",
        f"Of its 40 steps {len(player.step)} are stored; the others are passed over.",
    )
    for step, before, after in zip(player.step, player.before, player.after, strict=True):
        assert (player.observation[before] == step).all()
        assert after == -1 or (player.observation[after] == step + 1).all()
    assert -1 in player.after


@pytest.mark.parametrize("with_next", [True, False])
def test_an_episode_too_large_for_a_page_is_thinned_out_evenly(tmp_path: Path, with_next: bool) -> None:
    """Every k-th step is taken, the key moments and the end besides, each with the frame that it led to."""
    frames = (jnp.arange(201)[:, None, None, None] + jnp.arange(768).reshape(16, 16, 3)).astype(jnp.uint8)
    reward = jnp.zeros(200).at[77].set(1.0)
    after = {"next_observation": frames[1:]} if with_next else {}
    episode = record(tmp_path, 200, reward=reward, observation=frames[:-1], **after)
    player = player_episode(episode, max_bytes=30_000)
    steps = player.step.tolist()
    assert player.every == steps[1]
    assert set(steps) == {*range(0, 200, player.every), 77, 199}
    assert len(player.observation) * 768 <= 30_000 + 4 * 768
    assert f"every {player.every}th step" in player.notes[-1]
    known = np.asarray(frames)
    for step, before, led_to in zip(steps, player.before, player.after, strict=True):
        assert np.array_equal(player.observation[before], known[step])
        if with_next or step < 199:
            assert np.array_equal(player.observation[led_to], known[step + 1])
    assert [player.step[moment.position] for moment in player.moments] == [0, 77, 199]
    assert player.series["reward"][steps.index(77)] == 1


def test_of_many_rewards_alike_some_from_everywhere_are_key_moments(tmp_path: Path) -> None:
    """The list is bounded, and does not end where the episode has only begun."""
    reward = (jnp.arange(600) % 3 == 0).astype(jnp.float32)
    player = player_episode(record(tmp_path, 600, reward=reward))
    steps = np.array([moment.position for moment in player.moments])
    assert (len(steps), steps[0], steps[-1]) == (24, 0, 599)
    assert np.diff(steps).max() < 100


def test_real_actions_are_curves_and_whole_ones_are_words(tmp_path: Path) -> None:
    """What a joint did is read off a curve, which button was pressed off its number."""
    action = {"torque": jnp.linspace(0, 1, 6).reshape(3, 2), "button": jnp.arange(3)}
    player = player_episode(record(tmp_path, 3, action=action))
    assert player.actions == ("button 0", "button 1", "button 2")
    assert np.allclose(player.series["action.torque 1"], [0.2, 0.6, 1.0])
    assert player.notes == ("Its observations were not recorded.",)


def test_episodes_of_several_writers_say_whose_they_are(arc_run: ReplaySystem) -> None:
    """Two processes each have an episode 0; names and links tell them apart."""
    first, second = arc_run.load_episode(0), arc_run.load_episode(0)
    second.row = type(second.row)({**second.row, "writer": 1})
    assert player_episode(second, by_writer=True).name == "p001-0"
    assert player_episode(first).name == "0"
    assert player_episode(first, run_name="demo").name == "demo:0"
    first.run_dir, second.run_dir = Path("runs/a"), Path("runs/b")
    page = episode_page([first, second])
    (listed,) = re.findall(r'id="episodes">(\S+)', page)
    assert [row["name"] for row in read_stream(base64.b64decode(listed))[0]["episodes"]] == [
        "a:p000-0",
        "b:p001-0",
    ]


def test_scalars_of_info_are_curves_and_arrays_beside_them_are_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits of every step can be larger than all observations; they are read in parts."""
    info = {"value": jnp.arange(7.0), "net": {"logits": jnp.ones((7, 50)), "entropy": jnp.arange(7.0) / 7}}
    episode = record(tmp_path, 7, info=info)
    monkeypatch.setattr("jaxarc.replay.views.player_numbers.PART_BYTES", 2 * 208)
    series = player_episode(episode).series
    assert list(series) == ["reward", "net.entropy", "value"]
    assert np.allclose(series["net.entropy"], np.arange(7) / 7)
    assert "info" not in vars(episode)


def test_a_drawing_of_the_users_own_is_a_frame_a_step(tmp_path: Path) -> None:
    """Each observation is drawn once: pixels as PNG files, an SVG as pixels; arrays stay arrays."""
    observed = {"observation": jnp.arange(6.0), "next_observation": jnp.arange(6.0) + 1}
    episode = record(tmp_path, 6, **observed)
    drawing = player_episode(episode, render=pixels).drawing
    assert drawing is not None
    assert (drawing.name, len(drawing.frames)) == ("pictures_of_mine:pixels", 7)
    assert all(frame.startswith(b"\x89PNG") for frame in drawing.frames)
    assert (drawing.before.tolist(), drawing.after.tolist()) == (list(range(6)), list(range(1, 7)))
    assert episode_page([episode], render="pictures_of_mine:pixels") != episode_page([episode])
    drawn = player_episode(episode, render=script).drawing
    assert drawn is not None
    assert set(drawn.frames) == {drawn.frames[0]}
    assert "alert" not in episode_page([episode], render=script)
    boards = player_episode(episode, render=lambda value: {"map": np.full((2, 3), int(value))}).drawing
    assert boards is not None
    assert boards.frames["map"][:, 0, 0].tolist() == list(range(7))


def test_a_drawing_of_the_state_shows_what_the_next_step_began_with(tmp_path: Path) -> None:
    """A function that asks for the state is given the recorded one; the last step leads to none."""
    boards = jnp.arange(4)[:, None, None] * jnp.ones((1, 2, 2), jnp.int32)
    episode = record(tmp_path, 4, level="full", observation=boards, state={"inner": {"board": boards}})
    drawing = player_episode(episode, render=of_state).drawing
    assert drawing is not None
    assert drawing.frames[:, 0, 0].tolist() == [1, 2, 3, 4]
    assert drawing.after.tolist() == [1, 2, 3, -1]


def test_drawings_have_a_budget_and_a_size_of_their_own(tmp_path: Path) -> None:
    """Frames are 512 pixels at most, JPEG where that is smaller; of too many every k-th is drawn."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (700, 600, 3)).astype(np.uint8)
    episode = record(tmp_path, 60, observation=jnp.arange(60.0))
    player = player_episode(episode, max_bytes=2_000_000, render=lambda value: noise + np.uint8(value))
    assert player.drawing is not None
    assert all(frame.startswith(b"\xff\xd8") for frame in player.drawing.frames)
    assert sum(map(len, player.drawing.frames)) <= 2_400_000
    assert player.every > 1
    assert "To keep the page small" in player.notes[-1]
    with pytest.raises(RenderError, match="broken at step 0 failed"):
        player_episode(episode, render="pictures_of_mine:broken")


def test_labels_notes_and_pins_come_with_an_episode(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """Labels are facts; notes stand at their step, or say which it was; metrics of a row alone are facts."""
    episode = arc_run.load_episode(0)
    last = int(episode.step[-1])
    remarks = [(last + 5, "later"), (None, "why?"), (1, "here")]
    player = player_episode(episode, remarks=remarks, pinned=True)
    assert player.remarks == (
        PlayerRemark("why?"),
        PlayerRemark("here", 1),
        PlayerRemark(f"Step {last + 5}: later", len(episode.step) - 1),
    )
    assert player.pinned
    assert player.facts == {"pair": str(episode.row.pair)}
    key = (arc_run.run_dir, 0, 0)
    assert episode_page([episode], remarks={key: remarks}) != episode_page([episode])
    assert episode_page([episode], pinned=[key]) != episode_page([episode])
    assert episode_page([episode], pinned=[(tmp_path, 0, 0)]) == episode_page([episode])
    fields = {"labels": {"seed": jnp.full(5, 3)}, "metrics": {"loss": jnp.arange(5.0)}}
    assert player_episode(record(tmp_path / "all", 5, **fields)).facts == {"seed": "3"}
    assert player_episode(record(tmp_path / "row", 5, level="minimal", **fields)).facts == {
        "seed": "3",
        "last loss": "4",
    }
