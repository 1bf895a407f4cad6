"""Steps and episodes made by hand, for pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData

TARGET = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0], [3, 3, 3, 3]], dtype=np.int8)


def make_step(**changes: Any) -> StepVisualizationData:
    """Return a step that fills two cells of a 4x4 board, with any field replaced."""
    before = TARGET.copy()
    before[3] = 0
    after = before.copy()
    after[3, :2] = 3
    selection = np.zeros((4, 4), dtype=bool)
    selection[3, :2] = True
    fields: dict[str, Any] = {
        "step_num": 3,
        "before_grid": before,
        "after_grid": after,
        "action": {"operation": 3, "selection": selection},
        "reward": 0.125,
        "info": {"entropy": 1.25},
        "selection_mask": selection,
        "changed_cells": before != after,
        "operation_name": "Fill 3",
        "target_grid": TARGET,
        "total_steps": 12,
        "similarity": 0.875,
        "title": "episode_0007 · train",
    }
    return StepVisualizationData(**(fields | changes))


def make_vector_step(**changes: Any) -> StepVisualizationData:
    """Return a step of CartPole."""
    before = np.array([0.01, -0.5, 0.02, 0.75], dtype=np.float32)
    after = np.array([0.0, -0.3, 0.02, 0.5], dtype=np.float32)
    fields: dict[str, Any] = {
        "before_grid": before,
        "after_grid": after,
        "action": {"action": np.int32(1)},
        "selection_mask": None,
        "changed_cells": before != after,
        "operation_name": "",
        "target_grid": None,
        "similarity": None,
        "info": {},
        "title": "CartPole-v1",
    }
    return make_step(**(fields | changes))


def make_episode(num_steps: int = 12, **changes: Any) -> EpisodeSummaryData:
    """Return an episode of ``num_steps`` steps with a board at up to three of them."""
    random = np.random.default_rng(num_steps)
    rewards = np.where(random.random(num_steps) < 0.4, random.normal(0.1, 0.2, num_steps).round(3), 0.0)
    similarities = np.linspace(0.25, 1.0, num_steps)
    key = sorted({0, num_steps // 2, num_steps - 1}) if num_steps else []
    fields: dict[str, Any] = {
        "episode_num": 7,
        "total_steps": num_steps,
        "total_reward": float(rewards.sum()),
        "reward_progression": rewards.tolist(),
        "similarity_progression": similarities.tolist(),
        "final_similarity": float(similarities[-1]) if num_steps else float("nan"),
        "task_id": "007bbfb7",
        "success": True,
        "key_moments": key,
        "moments": [make_step(step_num=number) for number in key],
        "input_grid": TARGET[::-1].copy(),
        "target_grid": TARGET,
        "ended": "terminated",
        "title": "train",
    }
    return EpisodeSummaryData(**(fields | changes))
