"""Episodes in memory: steps, a journal and keyframes as a run hands them out, and how to tamper with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.hashing import leaf_hash
from jaxarc.records.layout import Field, Layout, PathKey
from jaxarc.records.table import EpisodeRow

__all__ = [
    "RememberedSteps",
    "counting_episode",
    "episode_of",
    "hashes_of",
    "journal_of",
    "keyframes_of",
    "remember",
]


@dataclass
class RememberedSteps:
    """Steps of an episode: what `EpisodeData` reads, from arrays."""

    layout: Layout
    steps: np.ndarray
    rows: list[np.ndarray]
    rewards: np.ndarray
    flags: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> np.ndarray:
        return self.flags.get(name, np.zeros(len(self.steps), bool))

    def scalar(self, index: int) -> np.ndarray:
        assert index == 0
        return self.rewards

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        return self.rows[index] if at is None else self.rows[index][at]

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(len(self)), np.full(len(self), -1)

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        return self.rows[index][rows]

    def take(self, selector: Any) -> RememberedSteps:
        """Return some of the steps."""
        return replace(
            self,
            steps=self.steps[selector],
            rows=[rows[selector] for rows in self.rows],
            rewards=self.rewards[selector],
            flags={name: column[selector] for name, column in self.flags.items()},
        )

    def changed(self, name: str, step: int, change: Callable[[np.ndarray], Any]) -> RememberedSteps:
        """Return the same steps with another value of one leaf (``state.time``) at one step."""
        index = [field.name for field in self.layout.rows].index(name)
        rows = [array.copy() for array in self.rows]
        at = int(np.flatnonzero(self.steps == step)[0])
        rows[index][at] = change(rows[index][at])
        return replace(self, rows=rows)


def _path(keys: Sequence[Any]) -> tuple[PathKey, ...]:
    def one(key: Any) -> PathKey:
        for name in ("idx", "name", "key"):
            if hasattr(key, name):
                return getattr(key, name)
        raise TypeError(key)

    return tuple(one(key) for key in keys)


def _leaves(role: str, tree: Any) -> list[tuple[Field, np.ndarray]]:
    leaves = []
    for keys, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        impl = ""
        if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            impl, leaf = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
        array = np.asarray(leaf)
        leaves.append((Field(role, _path(keys), array.dtype.name, array.shape[1:], impl), array))
    return leaves


def remember(kind: str, steps: Any, trees: dict[str, Any], rewards: Any = None) -> RememberedSteps:
    """Return steps that hold, by role, trees of [n, …].

    Args:
        kind: ``steps``, ``journal`` or ``keyframes``.
        steps: index of each in the episode.
        trees: by role; ``state_hash`` as a list of (path, hashes).
        rewards: [n]; zeros without.
    """
    steps = np.asarray(steps, np.int64)
    leaves = []
    for role, tree in trees.items():
        if role == "state_hash":
            leaves += [(Field(role, path, "uint32", ()), hashes) for path, hashes in tree]
        else:
            leaves += _leaves(role, tree)
    layout = Layout(
        kind=kind,
        stream="train",
        program="steps",
        given=(),
        scalars=(Field("reward", (), "float32", ()),),
        rows=tuple(field for field, _ in leaves),
    )
    rewards = np.zeros(len(steps), np.float32) if rewards is None else np.asarray(rewards)
    return RememberedSteps(layout, steps, [array for _, array in leaves], rewards)


def hashes_of(states: Any) -> list[tuple[tuple[PathKey, ...], np.ndarray]]:
    """Return the hashes of every leaf of stacked states, by path."""
    return [(field.path, leaf_hash(array, 1)) for field, array in _leaves("state", states)]


def journal_of(states: Any, actions: Any, keys: Any = None, rewards: Any = None) -> RememberedSteps:
    """Return the journal of an episode from its states before the actions."""
    trees = {"action": actions, "key": keys, "state_hash": hashes_of(states)}
    count = len(jax.tree.leaves(states)[0])
    return remember(
        "journal", range(count), {k: tree for k, tree in trees.items() if tree is not None}, rewards
    )


def keyframes_of(states: Any, steps: Sequence[int]) -> RememberedSteps:
    """Return the states of some steps."""
    chosen = jax.tree.map(lambda leaf: leaf[np.asarray(steps)], states)
    return remember("keyframes", steps, {"state": chosen})


def episode_of(total_steps: int, *sources: RememberedSteps) -> EpisodeData:
    """Return an episode that holds these sources."""
    stored = len({int(s) for source in sources if source.layout.kind != "keyframes" for s in source.steps})
    row = EpisodeRow(
        {
            "episode": 7,
            "stream": "train",
            "task_id": "",
            "total_steps": total_steps,
            "stored_steps": stored,
            "total_reward": 0.0,
            "ended": "truncated",
            "complete": stored == total_steps,
            "last_observation_lost": True,
        }
    )
    return EpisodeData(row, sources)


def counting_episode(steps: Any, **changes: Any) -> EpisodeData:
    """Return an episode whose arrays say which step they belong to.

    Args:
        steps: how many, or which are stored.
        **changes: ``observation``, ``action`` or ``reward`` of some steps: ``{step: value}``.
    """
    at = np.arange(steps) if isinstance(steps, int) else np.asarray(steps)
    arrays = {
        "observation": at.astype(np.float32),
        "action": at.astype(np.int32) % 7,
        "reward": np.zeros(len(at), np.float32),
    }
    for part, values in changes.items():
        for step, value in values.items():
            arrays[part][np.flatnonzero(at == step)] = value
    rewards = arrays.pop("reward")
    return episode_of(int(at[-1]) + 1, remember("steps", at, arrays, rewards=rewards))
