"""An episode's journal: read by itself, beside key steps, or from the steps."""

from __future__ import annotations

import numpy as np
import pytest
from remembered import RememberedSteps, episode_of, remember

from jaxarc.errors import NotRecordedError

T = 6


def journal(kind: str = "journal") -> RememberedSteps:
    """A journal whose arrays say which step they belong to."""
    at = np.arange(T)
    trees = {
        "action": {"push": at.astype(np.int8)},
        "key": np.stack([at, at + 1], axis=1).astype(np.uint32),
        "state_hash": [(("time",), at.astype(np.uint32) + 100)],
    }
    return remember(kind, at, trees, rewards=at.astype(np.float32))


def keyframes(steps: tuple[int, ...] = (0, 4)) -> RememberedSteps:
    """States whose time is ten times the step."""
    return remember("keyframes", steps, {"state": {"time": 10 * np.array(steps, np.int32)}})


def key_steps() -> RememberedSteps:
    """The first and the last step, with an observation."""
    steps = np.array([0, T - 1])
    trees = {"observation": steps * 2, "action": {"push": steps.astype(np.int8)}}
    return remember("steps", steps, trees, rewards=steps.astype(np.float32))


def test_a_journal_alone_gives_actions_keys_and_rewards_of_every_step():
    """The episode reads as one that has every step, but for its observations."""
    episode = episode_of(T, journal(), keyframes())
    assert episode.step.tolist() == episode.journal.step.tolist() == list(range(T))
    assert episode.action["push"].tolist() == list(range(T))
    assert episode.key.tolist() == [[i, i + 1] for i in range(T)]
    assert episode.reward.tolist() == list(range(T))
    assert not episode.terminated.any()
    assert episode.state_hash["time"].tolist() == [100 + i for i in range(T)]
    assert episode.contiguous
    assert episode.journal.complete
    assert len(episode.journal) == T


def test_keyframes_are_states_and_no_steps():
    """They have their own axis, and are counted nowhere else."""
    episode = episode_of(T, journal(), keyframes())
    assert episode.keyframe_step.tolist() == [0, 4]
    assert episode.keyframe["time"].tolist() == [0, 40]
    assert [episode.has(role) for role in ("keyframe", "state", "state_hash")] == [True, False, True]
    assert [field.name for field in episode.fields("keyframe")] == ["state.time"]
    alone = episode_of(T, keyframes())
    assert alone.step.tolist() == alone.journal.step.tolist() == []


def test_beside_key_steps_the_journal_has_every_step():
    """What is stored as a step stays together: one entry a step of ``step``."""
    episode = episode_of(T, key_steps(), journal(), keyframes())
    assert episode.step.tolist() == [0, T - 1]
    assert episode.observation.tolist() == [0, 2 * (T - 1)]
    assert episode.action["push"].tolist() == [0, T - 1]
    assert not episode.contiguous
    assert episode.journal.step.tolist() == list(range(T))
    assert episode.journal.action["push"].tolist() == list(range(T))
    assert episode.journal.complete


def test_steps_with_hashes_are_a_journal():
    """At level verbose a journal adds hashes to the steps that are stored anyway."""
    episode = episode_of(T, journal(kind="steps"))
    assert episode.journal.complete
    assert episode.journal.state_hash["time"].tolist() == [100 + i for i in range(T)]
    assert episode.journal.has("key")
    assert not episode.journal.has("keyframe")


def test_parts_of_a_journal_are_joined_in_the_order_of_their_steps():
    """They lie in several segments; a step that lies in two counts once."""
    whole = journal()
    episode = episode_of(T, whole.take(slice(4, 6)), whole.take(slice(0, 3)), whole.take(slice(2, 5)))
    assert episode.journal.step.tolist() == list(range(T))
    assert episode.journal.action["push"].tolist() == list(range(T))
    assert episode.reward.tolist() == list(range(T))


def test_a_part_that_some_steps_lack_is_named_with_the_first_of_them():
    """Never shorter arrays than ``journal.step``."""
    first, second = (
        journal().take(slice(0, 3)),
        remember("journal", range(3, T), {"action": {"push": np.arange(3)}}),
    )
    episode = episode_of(T, first, second)
    assert len(episode.journal.action["push"]) == T
    with pytest.raises(NotRecordedError, match=r"key was not recorded at step 3 of episode 7.*3 of 6"):
        _ = episode.journal.key


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("observation", r"resimulate\(episode, step_fn\).*journal.*capture\.level=verbose"),
        ("state", r"resimulate\(episode, step_fn\).*journal.*capture\.level=full"),
        ("info", r"info was not recorded in episode 7; capture\.level=verbose"),
    ],
)
def test_what_a_journal_does_not_hold_says_how_to_get_it(role: str, words: str):
    """Simulated again, or recorded next time."""
    with pytest.raises(NotRecordedError, match=words):
        getattr(episode_of(T, journal(), keyframes()), role)


@pytest.mark.parametrize("role", ["state_hash", "keyframe"])
def test_without_a_journal_hashes_and_keyframes_name_the_setting(role: str):
    """capture.journal, for the selected environments or for all."""
    with pytest.raises(NotRecordedError, match=rf"{role} was not recorded.*capture\.journal=selected"):
        getattr(episode_of(T, key_steps()), role)
    assert episode_of(T, key_steps()).keyframe_step.tolist() == []
