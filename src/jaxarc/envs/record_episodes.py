"""Gymnasium environments, single and vectorised, whose episodes a recorder keeps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

try:
    import gymnasium
    from gymnasium.vector import VectorEnv, VectorWrapper
    from gymnasium.vector.utils import iterate
except ImportError as error:
    raise ImportError(
        "jaxarc.RecordEpisodes wraps Gymnasium environments, and gymnasium is not installed: "
        "pip install 'jaxarc-toolkit[gymnasium]'"
    ) from error

__all__ = ["RecordEpisodes", "RecordVectorEpisodes"]

_SUCCESS = ("success", "is_success")
_LARGEST_SEED = 2**63 - 1


class _Recorder(Protocol):
    """What is needed of a Recorder."""

    @property
    def episode(self) -> Any:
        """Opens an episode."""
        ...


class _Track:
    """The episode of one environment, and what its info says.

    Metrics are the real numbers (no flags, no arrays) in the info of an episode's first step, as float64; NaN
    where a later step lacks one. ``success`` or ``is_success`` says whether the episode succeeds.
    """

    def __init__(self, recorder: _Recorder, **options: Any):
        self._recorder = recorder
        self._options = options
        self._episode: Any = None
        self._metrics: list[str] = []
        self._seed: int | None = None
        self.observation: Any = None
        self.is_playing = False

    def reset(self, observation: Any, seed: Any) -> None:
        """Begin anew, with a copy of the first observation; what is open ends as ``cut``."""
        self.close()
        self.observation = observation
        self._seed = None if seed is None or not 0 <= int(seed) <= _LARGEST_SEED else int(seed)
        self.is_playing = True

    def step(
        self,
        action: Any,
        following: Any,
        reward: Any,
        terminated: Any,
        truncated: Any,
        info: Mapping[str, Any],
    ) -> None:
        """Record a transition that ends at the true observation ``following``."""
        if self._episode is None:
            self._episode = self._recorder.episode(seed=self._seed, **self._options)
            self._metrics = [name for name, value in info.items() if _is_number(name, value)]
        said = next((info[name] for name in _SUCCESS if name in info), None)
        self._episode.step(
            self.observation,
            action,
            float(reward),
            following,
            bool(terminated),
            bool(truncated),
            success=None if said is None else bool(said),
            metrics={name: _number(info.get(name)) for name in self._metrics} or None,
        )
        self.is_playing = not (terminated or truncated)
        if not self.is_playing:
            self._episode = None

    def close(self) -> None:
        """End what is open."""
        episode, self._episode, self.is_playing = self._episode, None, False
        if episode is not None:
            episode.close()


def _is_number(name: str, value: Any) -> bool:
    if name in _SUCCESS or name.startswith("_") or isinstance(value, (bool, np.bool_)):
        return False
    is_scalar = isinstance(value, (int, float, np.generic)) or getattr(value, "shape", None) == ()
    return is_scalar and np.asarray(value).dtype.kind in "iuf"


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


class RecordEpisodes(gymnasium.Wrapper):
    """Record every episode of a Gymnasium environment, in one line.

    ``env = jaxarc.RecordEpisodes(env, recorder)`` changes nothing about the environment. An episode has its
    first observation, its true last one, the seed given to ``reset`` as label ``seed``, the environment's id
    as its task, the numbers in the ``info`` of its first step as metrics (float64, NaN where a later step
    lacks one; flags and arrays are left out), and ``success`` where the info has ``success`` or
    ``is_success``. A ``gymnasium.vector.VectorEnv`` gets a lane for each of its environments, and true last
    observations under every autoreset mode.

    Args:
        env: the environment; observations and actions are trees of numbers and arrays.
        recorder: takes the episodes.
        task: the task's name; left out, the environment's id.
        stream, member, env_id: where the episodes go, as in ``Recorder.episode``.
    """

    def __new__(cls, env: Any, *args: Any, **options: Any) -> Any:
        """Make the wrapper that suits the environment."""
        if isinstance(env, VectorEnv):
            return RecordVectorEpisodes(env, *args, **options)
        return super().__new__(cls)

    def __init__(
        self,
        env: gymnasium.Env,
        recorder: _Recorder,
        *,
        task: str | None = None,
        stream: str = "train",
        member: int = 0,
        env_id: int | None = None,
    ):
        super().__init__(env)
        named = task if task is not None else _id_of(env)
        self._track = _Track(recorder, task=named, stream=stream, member=member, env_id=env_id)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Reset the environment; an episode that is open ends as ``cut``."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._track.reset(copy.deepcopy(observation), seed)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and record the transition."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._track.is_playing:
            self._track.step(action, observation, reward, terminated, truncated, info)
            # The environment may write its next observation over this one.
            self._track.observation = copy.deepcopy(observation)
        return observation, reward, terminated, truncated, info  # pyright: ignore[reportReturnType]

    def close(self) -> None:
        """End the episode that is open, and close the environment."""
        self._track.close()
        super().close()


class RecordVectorEpisodes(VectorWrapper):
    """Record the episodes of a vector environment; ``RecordEpisodes`` makes one of these.

    Args:
        env: the environments.
        recorder: takes the episodes.
        task: the task's name; left out, the environments' id.
        stream, member: where the episodes go.
    """

    def __init__(
        self,
        env: VectorEnv,
        recorder: _Recorder,
        *,
        task: str | None = None,
        stream: str = "train",
        member: int = 0,
    ):
        super().__init__(env)
        named = task if task is not None else _id_of(env)
        options = {"task": named, "stream": stream, "member": member, "num_envs": env.num_envs}
        self._tracks = [_Track(recorder, env_id=env_id, **options) for env_id in range(env.num_envs)]

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of a ``reset_mask``; what is open there ends as ``cut``."""
        # Read before: Gymnasium takes it out of the options that it is given.
        mask = np.array((options or {}).get("reset_mask", np.ones(self.num_envs, bool)))
        observations, infos = self.env.reset(seed=seed, options=options)
        seeds = [None] * self.num_envs if seed is None else seed
        if not isinstance(seeds, (list, tuple)):
            seeds = [seeds + env_id for env_id in range(self.num_envs)]
        for env_id, observation in enumerate(self._each(observations)):
            if mask[env_id]:
                self._tracks[env_id].reset(observation, seeds[env_id])
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments and record their transitions, those of an autoreset left out."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        final = infos.get("final_obs")
        every_action = list(iterate(self.action_space, actions))
        for env_id, observation in enumerate(self._each(observations)):
            track = self._tracks[env_id]
            if not track.is_playing:
                # Next-step autoreset: this step was the reset. Without autoreset the environment waits.
                if not (terminated[env_id] or truncated[env_id]) and self._resets_itself:
                    track.reset(observation, None)
                continue
            ended = bool(terminated[env_id] or truncated[env_id])
            following, info = observation, _info_of(infos, env_id)
            if ended and final is not None:
                following = final[env_id]
                info = {**info, **_info_of(infos.get("final_info", {}), env_id)}
            track.step(
                every_action[env_id], following, rewards[env_id], terminated[env_id], truncated[env_id], info
            )
            track.observation = observation
            if ended and final is not None:
                track.reset(observation, None)
        return observations, rewards, terminated, truncated, infos

    def close(self, **kwargs: Any) -> None:
        """End the episodes that are open, and close the environments."""
        for track in self._tracks:
            track.close()
        super().close(**kwargs)

    def _each(self, observations: Any) -> list[Any]:
        """Return the observation of every environment, copied: its arrays may be used again."""
        return list(iterate(self.observation_space, copy.deepcopy(observations)))

    @property
    def _resets_itself(self) -> bool:
        mode = self.env.metadata.get("autoreset_mode")
        return "disabled" not in str(getattr(mode, "value", mode)).lower()


def _info_of(infos: Mapping[str, Any], env_id: int) -> dict[str, Any]:
    """Return what the joined info of a vector environment says of one environment, numbers and flags only."""
    found = {}
    for name, values in infos.items():
        given = infos.get(f"_{name}")
        if isinstance(values, np.ndarray) and values.ndim == 1 and (given is None or given[env_id]):
            found[name] = values[env_id]
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _id_of(env: Any) -> str | None:
    spec = getattr(env, "spec", None)
    return None if spec is None else spec.id
