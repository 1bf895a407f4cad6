"""ArcEnv, AutoReset and arc_step: what a step returns, and that it is a pure function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxarc.capture import Step
from jaxarc.envs import Action, ArcEnv, ArcEnvState, AutoReset, Tasks, TimeStep, arc_step, load_tasks
from jaxarc.envs.policies import random

Reset = Callable[[jax.Array], tuple[ArcEnvState, TimeStep]]
StepFunction = Callable[[ArcEnvState, Action], tuple[ArcEnvState, TimeStep]]

IDS = ["007bbfb7", "00d62c1b", "25ff71a9", "d631b094"]


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    """Four real tasks with different numbers of pairs."""
    return load_tasks("arc-agi-1", "training", IDS)


@pytest.fixture(scope="module")
def env(tasks: Tasks) -> ArcEnv:
    """An environment with short episodes."""
    return ArcEnv(tasks, max_episode_steps=4, similarity_weight=2.0, pairs="all")


@pytest.fixture(scope="module")
def reset(env: ArcEnv) -> Reset:
    """The compiled reset, shared by the tests."""
    return jax.jit(env.reset)


@pytest.fixture(scope="module")
def step(env: ArcEnv) -> StepFunction:
    """The compiled step, shared by the tests."""
    return jax.jit(env.step)


@pytest.fixture(scope="module")
def auto_step(env: ArcEnv) -> StepFunction:
    """The compiled step of AutoReset, shared by the tests."""
    return jax.jit(AutoReset(env).step)


def act(operation: int, selection: Any = False) -> Action:
    """Build an action on the whole board, on no cell, or on a mask."""
    return Action(operation=operation, selection=jnp.broadcast_to(jnp.asarray(selection), (30, 30)))


def same(left: Any, right: Any) -> None:
    """Assert that two pytrees hold the same values."""
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for ours, theirs in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        if jnp.issubdtype(ours.dtype, jax.dtypes.prng_key):
            ours, theirs = jax.random.key_data(ours), jax.random.key_data(theirs)
        np.testing.assert_array_equal(ours, theirs)


def test_reset_shows_the_input_board_of_the_drawn_pair(reset: Reset, tasks: Tasks) -> None:
    """Boards come from the pair that the labels name, masks cover them, and nothing else is set."""
    state, timestep = reset(jax.random.key(3))
    document = tasks.ids.document(int(state.task_idx))
    pair = (document["train"] + document["test"])[int(state.pair_idx)]
    for name, board in (("working", pair["input"]), ("input", pair["input"]), ("target", pair["output"])):
        grid, mask = getattr(state, f"{name}_grid"), getattr(state, f"{name}_grid_mask")
        board = np.array(board)
        np.testing.assert_array_equal(grid[: board.shape[0], : board.shape[1]], board)
        assert int(mask.sum()) == board.size
        np.testing.assert_array_equal(mask, grid >= 0)
    assert not state.selected.any()
    assert (state.clipboard == -1).all()
    assert state.step_count == 0
    assert state.allowed_operations_mask.all()
    same(timestep.observation, state.working_grid)
    same(timestep.next_observation, state.working_grid)
    assert timestep.reward == 0
    assert not timestep.terminated
    assert not timestep.truncated
    assert timestep.metrics["similarity"] == state.similarity_score
    assert timestep.labels == {"task": state.task_idx, "pair": state.pair_idx}


def test_the_state_has_the_named_fields() -> None:
    """Recorders, pictures and replays rely on these names."""
    assert list(inspect.signature(ArcEnvState).parameters) == [
        "working_grid",
        "working_grid_mask",
        "input_grid",
        "input_grid_mask",
        "target_grid",
        "target_grid_mask",
        "selected",
        "clipboard",
        "step_count",
        "allowed_operations_mask",
        "similarity_score",
        "key",
        "task_idx",
        "pair_idx",
    ]
    assert list(inspect.signature(TimeStep).parameters) == [
        "observation",
        "next_observation",
        "reward",
        "terminated",
        "truncated",
        "metrics",
        "labels",
    ]


def test_the_reward_pays_for_similarity_and_every_step(reset: Reset, step: StepFunction) -> None:
    """Reward is the weighted change of similarity plus the step penalty; the metric is the new similarity."""
    state, _ = reset(jax.random.key(0))
    after, timestep = step(state, act(31))
    union = (np.asarray(after.working_grid) >= 0) | (np.asarray(state.target_grid) >= 0)
    equal = (np.asarray(after.working_grid) == np.asarray(state.target_grid)) & union
    expected = equal.sum() / union.sum()
    np.testing.assert_allclose(timestep.metrics["similarity"], expected, rtol=1e-6)
    np.testing.assert_allclose(timestep.reward, 2.0 * (expected - state.similarity_score) - 0.01, rtol=1e-4)
    assert after.similarity_score == timestep.metrics["similarity"]
    assert after.step_count == 1
    np.testing.assert_array_equal(after.working_grid_mask, after.working_grid >= 0)
    same(timestep.observation, timestep.next_observation)


def solved(state: ArcEnvState) -> ArcEnvState:
    """Return the state with the target on the working board."""
    return eqx.tree_at(
        lambda state: (state.working_grid, state.working_grid_mask, state.similarity_score),
        state,
        (state.target_grid, state.target_grid_mask, jnp.float32(1.0)),
    )


def test_submit_ends_the_episode_and_pays_by_similarity(reset: Reset, step: StepFunction) -> None:
    """A Submit terminates and changes no board: a bonus at similarity 1, a penalty otherwise."""
    state, _ = reset(jax.random.key(0))
    wrong_state, wrong = step(state, act(34, True))
    assert wrong.terminated
    assert not wrong.truncated
    np.testing.assert_allclose(wrong.reward, -1.01, rtol=1e-6)
    same(wrong_state.working_grid, state.working_grid)
    _, right = step(solved(state), act(34))
    assert right.terminated
    np.testing.assert_allclose(right.reward, 9.99, rtol=1e-6)


def test_the_step_limit_truncates_unless_the_last_step_submits(reset: Reset, step: StepFunction) -> None:
    """Step 4 of 4 truncates; a Submit there terminates instead."""
    state, _ = reset(jax.random.key(0))
    for _ in range(3):
        state, timestep = step(state, act(20))
        assert not timestep.truncated
    _, timestep = step(state, act(20))
    assert timestep.truncated
    assert not timestep.terminated
    _, timestep = step(state, act(34))
    assert timestep.terminated
    assert not timestep.truncated


@pytest.mark.parametrize("operation", [-1, 35, 2**31 - 1, -(2**31), 3, 34])
def test_an_operation_that_is_not_allowed_changes_nothing(
    reset: Reset, step: StepFunction, operation: int
) -> None:
    """Forbidden and unknown operations leave every field but the step count, and cost the step."""
    state, _ = reset(jax.random.key(0))
    state = eqx.tree_at(
        lambda state: state.allowed_operations_mask, state, jnp.isin(jnp.arange(35), jnp.array([20, 31]))
    )
    after, timestep = step(state, act(operation, True))
    assert after.step_count == 1
    for name in inspect.signature(ArcEnvState).parameters:
        if name != "step_count":
            same(getattr(after, name), getattr(state, name))
    assert not timestep.terminated
    np.testing.assert_allclose(timestep.reward, -0.01, rtol=1e-6)


def test_the_state_says_which_operations_are_allowed(tasks: Tasks) -> None:
    """allowed_operations becomes the mask of every episode."""
    state, _ = ArcEnv(tasks, allowed_operations=[31, 20, 31]).reset(jax.random.key(0))
    assert np.flatnonzero(state.allowed_operations_mask).tolist() == [20, 31]


def test_selected_is_the_last_selection_that_was_allowed(reset: Reset, step: StepFunction) -> None:
    """The state shows what the last operation was asked to act on, as it was given."""
    state, _ = reset(jax.random.key(0))
    corner = Action.from_point(33, 12, 17)
    state, _ = step(state, corner)
    same(state.selected, corner.selection)
    assert state.working_grid_mask.sum() == 13 * 18


@pytest.mark.parametrize("pairs", ["train", "test", "all"])
def test_only_valid_pairs_are_drawn_and_all_of_them(tasks: Tasks, pairs: str) -> None:
    """Every (task, pair) of the chosen kind is drawn, none beyond a task's own number of pairs."""
    env = ArcEnv(tasks, pairs=pairs)
    draw = jax.jit(jax.vmap(lambda key: env.reset(key)[0]))
    states = draw(jax.random.split(jax.random.key(1), 2000))
    drawn = set(zip(states.task_idx.tolist(), states.pair_idx.tolist(), strict=True))
    expected = set()
    for task in range(len(tasks)):
        num_train, num_test = int(tasks.num_train[task]), int(tasks.num_test[task])
        first = num_train if pairs == "test" else 0
        last = num_train if pairs == "train" else num_train + num_test
        expected |= {(task, pair) for pair in range(first, last)}
    assert drawn == expected
    counts = np.bincount(states.task_idx, minlength=len(tasks))
    assert counts.min() > 400


def test_a_key_decides_the_episode(env: ArcEnv, reset: Reset) -> None:
    """The same key gives the same episode, in any transform, and the state keeps the key that gave it."""
    keys = jax.random.split(jax.random.key(5), 8)
    batch, _ = jax.jit(jax.vmap(env.reset))(keys)
    for i in range(3):
        alone, _ = reset(keys[i])
        same(alone, jax.tree.map(lambda leaf, i=i: leaf[i], batch))
        same(reset(alone.key)[0], alone)
    assert len(set(zip(batch.task_idx.tolist(), batch.pair_idx.tolist(), strict=True))) > 1


def test_raw_and_typed_keys_both_work(reset: Reset, auto_step: StepFunction) -> None:
    """jax.random.PRNGKey and jax.random.key draw the same episode."""
    typed, _ = reset(jax.random.key(9))
    raw, _ = reset(jax.random.PRNGKey(9))
    same(typed.target_grid, raw.target_grid)
    after_typed, _ = auto_step(typed, act(34))
    after_raw, _ = auto_step(raw, act(34))
    same(after_typed.target_grid, after_raw.target_grid)
    same(jax.random.key_data(after_typed.key), after_raw.key)


def test_step_is_pure_under_jit_vmap_and_scan(env: ArcEnv, reset: Reset, auto_step: StepFunction) -> None:
    """A scan of vmapped steps, the environment closed over or passed in, equals a loop of single steps."""
    keys = jax.random.split(jax.random.key(2), 3)

    def rollout(env: AutoReset, key: jax.Array) -> tuple[TimeStep, ArcEnvState]:
        state, _ = env.reset(key)

        def body(state: ArcEnvState, key: jax.Array) -> tuple[ArcEnvState, TimeStep]:
            return env.step(state, random(key, state))

        state, timesteps = jax.lax.scan(body, state, jax.random.split(key, 12))
        return timesteps, state

    passed, states = jax.jit(jax.vmap(rollout, in_axes=(None, 0)))(AutoReset(env), keys)
    closed, _ = jax.jit(jax.vmap(lambda key: rollout(AutoReset(env), key)))(keys)
    same(passed, closed)
    assert (passed.terminated | passed.truncated).any()

    policy = jax.jit(random)
    state, _ = reset(keys[1])
    for i, key in enumerate(jax.random.split(keys[1], 12)):
        state, timestep = auto_step(state, policy(key, state))
        same(timestep, jax.tree.map(lambda leaf, i=i: leaf[1, i], passed))
    same(state, jax.tree.map(lambda leaf: leaf[1], states))


def test_passing_other_tasks_of_one_shape_does_not_compile_again(tasks: Tasks) -> None:
    """An environment is a pytree: a jitted function that takes it is reused for equal options and shapes."""
    traced = []

    @jax.jit
    def reset(env: ArcEnv, key: jax.Array) -> ArcEnvState:
        traced.append(1)
        return env.reset(key)[0]

    shuffled = load_tasks("arc-agi-1", "training", IDS[::-1])
    key = jax.random.key(0)
    first, second = reset(ArcEnv(tasks), key), reset(ArcEnv(shuffled), key)
    assert len(traced) == 1
    assert tasks.ids[int(first.task_idx)] != shuffled.ids[int(second.task_idx)]
    reset(ArcEnv(tasks, max_episode_steps=7), key)
    assert len(traced) == 2


def test_auto_reset_keeps_the_true_last_observation(
    env: ArcEnv, reset: Reset, step: StepFunction, auto_step: StepFunction
) -> None:
    """The step that ends an episode tells its last board; state and observation are the next episode's."""
    state, _ = reset(jax.random.key(4))
    state, _ = auto_step(state, act(32))
    state, _ = auto_step(state, Action.from_bbox(7, 0, 0, 2, 2))
    ended_state, ended = step(state, act(34))
    after, timestep = auto_step(state, act(34))
    same(timestep.next_observation, ended.next_observation)
    same(timestep.next_observation, state.working_grid)
    for name in ("reward", "terminated", "truncated", "metrics", "labels"):
        same(getattr(timestep, name), getattr(ended, name))
    fresh, first = reset(env.next_key(state.key))
    same(after, fresh)
    same(timestep.observation, first.observation)
    assert ended_state.step_count == 3
    assert after.step_count == 0
    assert not np.array_equal(timestep.observation, timestep.next_observation)


def test_auto_reset_changes_nothing_within_an_episode(
    env: ArcEnv, reset: Reset, step: StepFunction, auto_step: StepFunction
) -> None:
    """Steps that do not end an episode are those of the wrapped environment; truncation resets too."""
    wrapped = AutoReset(env)
    state, _ = wrapped.reset(jax.random.key(4))
    same(state, reset(jax.random.key(4))[0])
    for _ in range(3):
        expected = step(state, act(26))
        state, timestep = auto_step(state, act(26))
        same((state, timestep), expected)
    after, timestep = auto_step(state, act(26))
    assert timestep.truncated
    assert after.step_count == 0
    assert wrapped.shape == env.shape
    assert wrapped.tasks is env.tasks


def test_arc_step_tells_a_recorder_everything(reset: Reset, auto_step: StepFunction) -> None:
    """A Step has the state before the action, the true next board, constants of the episode and labels."""
    state = solved(reset(jax.random.key(4))[0])
    action = act(34, True)
    after, timestep = auto_step(state, action)
    step = arc_step(state, action, timestep)
    assert isinstance(step, Step)
    same(step.observation, state.working_grid)
    same(step.next_observation, state.target_grid)
    assert step.action is action
    assert step.reward == timestep.reward
    assert step.terminated
    assert not step.truncated
    assert step.start
    assert step.success
    assert dict(step.metrics or {}) == {"similarity": 1.0}
    assert dict(step.labels or {}) == {"task": state.task_idx, "pair": state.pair_idx}
    constants = dict(step.episode or {})
    assert set(constants) == {"input", "target"}
    same(constants["input"], state.input_grid)
    same(constants["target"], state.target_grid)
    same(step.state, state)
    same(step.key, state.key)
    second, timestep = auto_step(after, act(20))
    first_of_next = arc_step(after, act(20), timestep)
    assert first_of_next.start
    assert not first_of_next.success
    _, timestep = auto_step(second, act(20))
    assert not arc_step(second, act(20), timestep).start


def test_arc_step_takes_a_batch(env: ArcEnv) -> None:
    """A batch of states, actions and time steps becomes a Step with a leading axis."""

    @jax.jit
    def batch(keys: jax.Array) -> Step:
        states, _ = jax.vmap(env.reset)(keys)
        actions = jax.vmap(random)(keys, states)
        _, timesteps = jax.vmap(env.step)(states, actions)
        return arc_step(states, actions, timesteps)

    step = batch(jax.random.split(jax.random.key(0), 5))
    assert jnp.shape(step.reward) == jnp.shape(step.start) == jnp.shape(step.success) == (5,)
    assert step.observation.shape == (5, 30, 30)


def test_actions_are_built_from_masks_points_and_boxes() -> None:
    """A point is one cell, a box includes all four sides, and what lies off the board is dropped."""
    action = Action(operation=3, selection=np.ones((30, 30)))
    assert action.operation.dtype == np.int32
    assert action.selection.dtype == np.bool_
    point = Action.from_point(13, 4, 5)
    assert np.argwhere(point.selection).tolist() == [[4, 5]]
    box = Action.from_bbox(0, 1, 2, 3, 9, shape=(5, 6))
    expected = np.zeros((5, 6), bool)
    expected[1:4, 2:] = True
    np.testing.assert_array_equal(box.selection, expected)
    assert not Action.from_point(0, 30, 0).selection.any()
    points = jax.jit(jax.vmap(lambda row: Action.from_point(0, row, 2, shape=(4, 4))))(jnp.arange(4))
    assert points.selection.shape == (4, 4, 4)
    assert points.selection.sum() == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_episode_steps": 0}, "max_episode_steps must be at least 1, got 0"),
        ({"similarity_weight": -1.0}, "similarity_weight must be at least 0, got -1.0; use 1.0"),
        ({"step_penalty": 0.5}, r"step_penalty must be at most 0 \(it is added.*got 0.5; use -0.5"),
        ({"success_bonus": float("nan")}, "success_bonus must be"),
        ({"wrong_submission_penalty": 1.0}, "wrong_submission_penalty must be at most 0.*use -1.0"),
        ({"allowed_operations": [3, 35, -1]}, r"numbers 0\.\.34, got 35, -1"),
        ({"allowed_operations": []}, "allowed_operations is empty"),
        ({"pairs": "training"}, "pairs must be one of train, test, all, got 'training'"),
    ],
)
def test_a_wrong_option_is_named_with_its_limit(tasks: Tasks, options: dict[str, Any], message: str) -> None:
    """Each option out of its limits is an error that says the value, the limit and the way out."""
    with pytest.raises(ValueError, match=message):
        ArcEnv(tasks, **options)


def test_boards_that_do_not_fit_are_refused(tasks: Tasks) -> None:
    """Hand-made tasks beyond 30x30 are an error, for rows are packed into 32-bit words."""
    wide = jnp.zeros((tasks.inputs.shape[0], 30, 33), jnp.int8)
    tasks = eqx.tree_at(lambda tasks: (tasks.inputs, tasks.targets), tasks, (wide, wide))
    with pytest.raises(ValueError, match=r"30x30 at most, got tasks of \(30, 33\)"):
        ArcEnv(tasks)


def test_a_selection_of_another_shape_is_refused_while_tracing(env: ArcEnv) -> None:
    """A mask that does not fit the board is an error, not a broadcast."""
    state, _ = env.reset(jax.random.key(0))
    with pytest.raises(AssertionError, match="shape"):
        env.step(state, Action(operation=3, selection=jnp.ones((5, 5), bool)))
