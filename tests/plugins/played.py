"""Episodes for the player, made by hand: boards as ARC has them, CartPole, and frames of a screen."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.records.player import PlayerEpisode, PlayerMoment

__all__ = ["NASTY", "arc_played", "cart_pole_played", "frames_played", "played"]

NASTY = (
    '<script>alert(1)</script> <img src=x onerror=alert(2)> "quotes" \'n </title> & 😀 \u2028 \u202e '
    "{{data}} --> ]]> javascript:alert(3) " + "long " * 40
).strip()
"""A name that would like to be more than a name."""


def played(observation: Any, num_steps: int, **changes: Any) -> PlayerEpisode:
    """Return an episode with T+1 observations."""
    rows = np.arange(num_steps)
    reward = np.where(rows == num_steps - 1, 1.0, 0.0)
    fields: dict[str, Any] = {
        "number": 7,
        "name": "7",
        "total_steps": num_steps,
        "total_reward": float(reward.sum()),
        "stream": "train",
        "env_id": 2,
        "ended": "terminated",
        "step": rows,
        "observation": observation,
        "before": rows,
        "after": rows + 1,
        "series": {"reward": reward},
        "moments": (PlayerMoment(0, "first step"), PlayerMoment(num_steps - 1, "reward +1 · terminated")),
    }
    return PlayerEpisode(**(fields | changes))


def arc_played(num_steps: int = 50, side: int = 30, seed: int = 0, **changes: Any) -> PlayerEpisode:
    """Return an episode in which each step fills a rectangle, as a painter of ARC boards does."""
    random = np.random.default_rng(seed)
    height, width = random.integers(max(3, side // 2), side + 1, 2)
    target = np.full((side, side), -1, np.int8)
    target[:height, :width] = np.where(random.random((height, width)) < 0.2, random.integers(1, 10), 0)
    boards = np.full((num_steps + 1, side, side), -1, np.int8)
    boards[:, :height, :width] = 0
    selection = np.zeros((num_steps, side, side), bool)
    words, similarity = [], []
    for step in range(num_steps):
        top, left = int(random.integers(height)), int(random.integers(width))
        tall, wide, colour = random.integers(1, 5), random.integers(1, 5), int(random.integers(10))
        selection[step, top : min(top + tall, height), left : min(left + wide, width)] = True
        boards[step + 1 :, selection[step]] = colour
        words.append(f"Fill {colour}")
        similarity.append(float((boards[step + 1] == target)[:height, :width].mean()))
    fields = {
        "task_id": f"{seed:08x}",
        "success": seed % 3 == 0,
        "actions": tuple(words),
        "selection": selection,
        "target": target,
    }
    found = played(boards, num_steps, **(fields | changes))
    found.series["similarity"] = np.array(similarity)  # type: ignore[index]
    return found


def cart_pole_played(num_steps: int = 60, seed: int = 0, **changes: Any) -> PlayerEpisode:
    """Return an episode of four numbers that wander, with a reward of 1 at every step."""
    random = np.random.default_rng(seed)
    state = np.cumsum(random.normal(0, 0.1, (num_steps + 1, 4)), axis=0).astype(np.float32)
    series = {"reward": np.ones(num_steps), "value": np.linspace(9, 0, num_steps)}
    actions = tuple(f"action {action}" for action in random.integers(0, 2, num_steps).tolist())
    return played(state, num_steps, **({"series": series, "actions": actions} | changes))


def frames_played(num_steps: int = 20, **changes: Any) -> PlayerEpisode:
    """Return an episode of 84x84x4 frames, each the last four of a screen on which a ball flies."""
    screen = np.full((num_steps + 4, 84, 84), 18, np.uint8)
    for time in range(num_steps + 4):
        x, y = 3 * time % 80, 5 * time % 78
        screen[time, y : y + 4, x : x + 4] = 255
    stacks = np.stack([screen[k : k + num_steps + 1] for k in range(4)], axis=-1)
    return played(stacks, num_steps, **changes)
