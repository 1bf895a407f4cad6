"""``recorder.episode``: the way in for plain Python loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxarc.pipeline.loop_episode import LoopEpisode
from jaxarc.pipeline.python_loops import PythonLoops

__all__ = ["LoopRecorder"]


class LoopRecorder:
    """What a recorder is to a plain Python loop."""

    _loops: PythonLoops

    def episode(
        self,
        task: str | int | None = None,
        *,
        stream: str = "train",
        env_id: int | None = None,
        member: int = 0,
        num_envs: int | None = None,
        update: int | None = None,
        seed: int | None = None,
        labels: Mapping[str, Any] | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> LoopEpisode:
        """Open an episode that a plain Python loop plays; no JAX is called, and any thread may have its own.

        The episode takes an environment of its stream for itself until it ends. Lanes of loops and of
        programs are apart, also where both record into one stream; keep rules then choose for each alone.

        Args:
            task: the task's name, or its number where ``names`` says what the numbers mean.
            stream: name of the flow that the steps belong to.
            env_id: the environment; left out, the lowest one in which no episode is open.
            member: the member of the stream (a seed, a worker).
            num_envs: environments that are played beside each other; given, ``capture.envs`` selects among
                them as in a program. Without it the steps of every episode are captured, unless
                ``capture.envs`` names ids.
            update: the policy-update count.
            seed: what the environment was seeded with, a label.
            labels: integers or names, constant over the episode.
            constants: arrays, constant over the episode, stored once.

        Returns:
            The episode, whose ``step`` records; use it in a ``with`` block.

        Raises:
            CaptureError: an argument that cannot be recorded; it is named.
            RecorderClosedError: the recorder is closed.
        """
        return self._loops.episode(
            task,
            stream=stream,
            env_id=env_id,
            member=member,
            num_envs=num_envs,
            update=update,
            seed=seed,
            labels=labels,
            constants=constants,
        )
