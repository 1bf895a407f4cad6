"""Every drawing there is, once each: what the tests pin, check and look at.

A new drawing is one more function under the heading of its subject: it takes the style, draws one small
example and returns the SVG, or a ``Picture``. ``@drawing("name")`` enters it in ``GALLERY``; then every test
of ``test_gallery.py`` covers it in every palette, light and dark, once its golden files are written with
``pytest tests/rendering --update-golden``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from drawn_data import TARGET, make_episode, make_step, make_vector_step
from drawn_runs import make_run, make_stream
from observed import OBSERVATIONS, inventory, make_observed_step, minatar, pong_stack, screen

from jaxarc.records.alignment_pictures import AlignedStep, AlignmentData
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.records.reel_pictures import BatchData, BatchItem, ReelData, ReelRow
from jaxarc.records.run_pictures import HeatStrip, SlotCurve
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering import (
    Marks,
    Picture,
    Style,
    picture_of,
    render_alignment,
    render_batch,
    render_board,
    render_comparison,
    render_episode_summary,
    render_reel,
    render_run,
    render_step,
    render_task,
)
from jaxarc.rendering.chart import Scale
from jaxarc.rendering.document import document, place
from jaxarc.rendering.leaves import changed_between
from jaxarc.rendering.vector import vector_history

Drawing = Callable[[Style], str | Picture]

GALLERY: dict[str, Callable[[Style], str]] = {}
"""From the name of a drawing to the function that draws it in a style."""


def drawing(name: str) -> Callable[[Drawing], Drawing]:
    """Enter a drawing in the gallery under a name that is also the name of its golden files."""

    def enter(draw: Drawing) -> Drawing:
        assert name not in GALLERY, f"two drawings are called {name}"
        GALLERY[name] = lambda style: _whole(draw(style), style)
        return draw

    return enter


def _whole(drawn: str | Picture, style: Style) -> str:
    if isinstance(drawn, str):
        return drawn
    body = place(8, 8, drawn.body)
    return document(drawn.width + 16, drawn.height + 16, body, style, "a picture")


HUGE_NAME = "<script>alert('1')</script> \"& \u202e\x00 😀 " + "a very long name " * 20


# Boards


@drawing("board")
def _(style: Style) -> str:
    board = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 12, -1], [-1, -1, -1, -1]])
    return render_board(board, style, marks=Marks(board == 1, board == 2, board == 4))


@drawing("board-coordinates")
def _(style: Style) -> str:
    style = Style(style.palette, style.theme, show_coordinates=True)
    return render_board(np.arange(12).reshape(2, 6) % 10, style)


@drawing("board-digits")
def _(style: Style) -> str:
    board = np.array([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [12, -3, 123, -1, -1]])
    style = Style(style.palette, style.theme, show_digits=True)
    return render_board(board, style, marks=Marks(board == 1, board == 2, board == 4))


@drawing("board-padding")
def _(style: Style) -> str:
    return render_board(np.full((3, 3), -1), style)


# Steps


@drawing("step")
def _(style: Style) -> str:
    return render_step(make_step(), style)


@drawing("step-last")
def _(style: Style) -> str:
    style = Style(style.palette, style.theme, show_coordinates=True)
    return render_step(make_step(step_num=11, ended="truncated", success=False), style)


@drawing("step-solved")
def _(style: Style) -> str:
    step = make_step(step_num=11, ended="terminated", success=True, after_grid=TARGET, similarity=1.0)
    return render_step(step, style)


@drawing("step-without-after")
def _(style: Style) -> str:
    return render_step(make_step(after_grid=None, changed_cells=None), style)


@drawing("step-outside-values")
def _(style: Style) -> str:
    before = np.array([[0, 11, -7], [99, 1, 2]])
    return render_step(
        make_step(
            before_grid=before,
            after_grid=before + 1,
            changed_cells=before != -7,
            selection_mask=before > 50,
            target_grid=before,
        ),
        style,
    )


@drawing("step-huge-names")
def _(style: Style) -> str:
    info = {f"{HUGE_NAME} {index}": float("nan") for index in range(20)} | {HUGE_NAME: HUGE_NAME}
    step = make_step(title=HUGE_NAME, operation_name=HUGE_NAME, info=info, reward=-1e300, step_num=123_456)
    return render_step(step, style)


@drawing("step-thin")
def _(style: Style) -> str:
    row = np.arange(30).reshape(1, 30) % 10
    return render_step(
        make_step(
            before_grid=row,
            after_grid=row[:, ::-1].copy(),
            changed_cells=row != row[:, ::-1],
            selection_mask=row == 4,
            target_grid=None,
        ),
        style,
    )


@drawing("step-vector")
def _(style: Style) -> str:
    return render_step(make_vector_step(), style)


# Episodes


@drawing("summary")
def _(style: Style) -> str:
    return render_episode_summary(make_episode(), style)


@drawing("summary-vector")
def _(style: Style) -> str:
    moments = [make_vector_step(step_num=0), make_vector_step(step_num=11)]
    data = make_episode(
        similarity_progression=(),
        final_similarity=float("nan"),
        task_id="",
        input_grid=None,
        target_grid=None,
        moments=moments,
        success=False,
        observed=np.sin(np.arange(48).reshape(12, 4) / 7),
        observed_names=["position", "velocity", "angle", "angular velocity"],
    )
    return render_episode_summary(data, style)


@drawing("summary-empty")
def _(style: Style) -> str:
    return render_episode_summary(make_episode(0, ended="cut", success=None), style)


@drawing("summary-one-step")
def _(style: Style) -> str:
    return render_episode_summary(make_episode(1, task_id=HUGE_NAME, title=HUGE_NAME), style)


@drawing("summary-long")
def _(style: Style) -> str:
    steps = np.arange(0, 10_000, 250)
    rewards = np.where(steps % 1000 == 0, -1.0, 0.125)
    rewards[7] = np.nan
    data = make_episode(
        10_000,
        step_nums=steps.tolist(),
        reward_progression=rewards.tolist(),
        similarity_progression=np.linspace(0, 1, len(steps)).tolist(),
        moments=[make_step(step_num=number, after_grid=None) for number in (0, 5_000, 5_001, 9_750)],
    )
    return render_episode_summary(data, style)


@drawing("summary-key-steps")
def _(style: Style) -> str:
    steps = [0, 1, 2, 40, 41, 60, 99]
    data = make_episode(
        7,
        total_steps=100,
        step_nums=steps,
        metrics={"entropy": np.linspace(2, 0, 7), HUGE_NAME: np.array([0.5, np.nan, 1, 1, 1, 1, 1])},
        moments=[make_step(step_num=number) for number in steps],
        demonstrations=[TaskPair(TARGET, TARGET.T), TaskPair(TARGET[:1], TARGET[:, :2])] * 4,
        ended="running",
        success=False,
    )
    return render_episode_summary(data, style)


@drawing("summary-row-alone")
def _(style: Style) -> str:
    none = {"moments": (), "key_moments": (), "input_grid": None, "target_grid": None}
    return render_episode_summary(make_episode(0, total_steps=500, success=False, **none), style)


# Comparisons


@drawing("comparison-reward")
def _(style: Style) -> str:
    episodes = [make_episode(n, episode_num=n, success=n > 6, moments=()) for n in (4, 8, 12)]
    return render_comparison(episodes, "reward_progression", style)


@drawing("comparison-similarity")
def _(style: Style) -> str:
    episodes = [
        make_episode(n, episode_num=n, success=n > 6, moments=(), task_id=HUGE_NAME) for n in range(1, 12)
    ]
    return render_comparison(episodes, "similarity_progression", style)


def _many(count: int = 60) -> list[EpisodeSummaryData]:
    used = {"Fill 1": 5, "Flood Fill 2": 2, HUGE_NAME: 3}
    return [
        make_episode(
            5,
            episode_num=n,
            success=[True, False, None][n % 3],
            moments=(),
            task_id=HUGE_NAME if n == 7 else f"task-{n % 45}",
            operations=used if n % 2 else {f"operation {i}": i for i in range(1, 30)},
        )
        for n in range(count)
    ]


@drawing("comparison-many")
def _(style: Style) -> str:
    return render_comparison(_many(12), "reward_progression", style)


@drawing("comparison-outcomes")
def _(style: Style) -> str:
    return render_comparison(_many(), "outcome_by_task", style)


@drawing("comparison-operations")
def _(style: Style) -> str:
    return render_comparison(_many(), "operations_used", style)


@drawing("comparison-operations-of-few")
def _(style: Style) -> str:
    return render_comparison(_many(4), "operations_used", style)


# Tasks


def _task(**changes: Any) -> TaskPictureData:
    target = TARGET
    train = [
        TaskPair(target[:2], target[2:, :3]),
        TaskPair(target[:, :1], target),
        TaskPair(target, target.T),
    ]
    fields = {"task_id": "007bbfb7", "train": train, "test": [TaskPair(target[::-1], target)]}
    return TaskPictureData(**(fields | changes))


@drawing("task")
def _(style: Style) -> str:
    return render_task(_task(), style)


@drawing("task-played")
def _(style: Style) -> str:
    last = TARGET.copy()
    last[3, 2:] = 0
    return render_task(_task(played=3, last_board=last, last_board_words="Episode 7", title="a run"), style)


@drawing("task-hidden")
def _(style: Style) -> str:
    row = np.arange(30).reshape(1, 30) % 12
    odd = [TaskPair(np.full((2, 2), -1), None), TaskPair(row, row.T)] * 3
    style = Style(style.palette, style.theme, show_coordinates=True)
    return render_task(_task(train=odd, task_id=HUGE_NAME, show_test_output=False), style)


# Two episodes aligned, reels and batches


def _aligned(**changes: Any) -> AlignmentData:
    other = TARGET.copy()
    other[1, 1] = 0
    a = make_episode(30, moments=(), title="episode 7")
    b = make_episode(12, moments=(), title=HUGE_NAME, success=False, ended="cut")
    steps = [AlignedStep(0, make_step(step_num=0), make_step(step_num=0))]
    steps.append(AlignedStep(3, make_step(), make_step(after_grid=other, operation_name="Submit")))
    steps += [AlignedStep(4, None, make_step(step_num=4)), AlignedStep(29, make_step(step_num=29), None)]
    fields = {"a": a, "b": b, "steps": steps, "parted_at": 3, "parted_by": "action", "compared": 12}
    return AlignmentData(**(fields | changes))


@drawing("alignment")
def _(style: Style) -> str:
    return render_alignment(_aligned(), style)


@drawing("alignment-same")
def _(style: Style) -> str:
    steps = [AlignedStep(n, make_vector_step(step_num=n), make_vector_step(step_num=n)) for n in range(7)]
    return render_alignment(_aligned(steps=steps, parted_at=None, parted_by=""), style)


@drawing("reel")
def _(style: Style) -> str:
    at = np.arange(20.0)
    history = np.stack([at, np.clip(at / 15, 0, 1), at > 15], axis=1)
    history[3, 1] = np.nan
    rows = [
        ReelRow(n, make_episode(12, episode_num=int(n), success=n == 19.0, final_similarity=min(n / 15, 1.0)))
        for n in (0.0, 9.0, 19.0)
    ]
    rows.append(ReelRow(19.5, make_episode(0, ended="running", success=False, moments=(), key_moments=())))
    return render_reel(
        ReelData("007bbfb7", rows, total=20, history=history, input_grid=TARGET.T, target_grid=TARGET), style
    )


@drawing("reel-vector")
def _(style: Style) -> str:
    moments = [make_vector_step(step_num=n) for n in range(9)]
    rows = [ReelRow(3.0, make_episode(9, moments=moments, title=HUGE_NAME, success=None))]
    return render_reel(ReelData(HUGE_NAME, rows, by=HUGE_NAME, title=HUGE_NAME), style)


def _batch(count: int, state: Any, **changes: Any) -> BatchData:
    outcomes = ("solved", "not solved", "open")
    items = [
        BatchItem(n, state if n % 5 else None, -1.5 * n, outcomes[n % 3], n, f"episode {n}")
        for n in range(count)
    ]
    return BatchData(items, is_arc=True, title="a run", **changes)


@drawing("batch")
def _(style: Style) -> str:
    return render_batch(_batch(7, TARGET), style)


@drawing("batch-vector")
def _(style: Style) -> str:
    return render_batch(_batch(9, np.array([0.5, -1.0, np.nan])), style)


@drawing("batch-many")
def _(style: Style) -> str:
    return render_batch(_batch(150, TARGET[:2, :2], num_envs=1024), style)


# Runs


@drawing("run")
def _(style: Style) -> str:
    evaluated = make_stream(
        6, 3, stream="eval", slot_steps=500, at=np.arange(6) * 500.0 + 500, num_members=1, band="error"
    )
    return render_run(make_run(make_stream(resumed_at=(60_000,), num_cut=16), evaluated), style)


@drawing("run-of-one-episode")
def _(style: Style) -> str:
    one = SlotCurve(np.array([3.0]), np.array([np.nan]), np.array([np.nan]))
    strip = HeatStrip(["env 0"], "env", np.array([[3.0]]), "return")
    dots = np.array([[7.0, 3.0]])
    stream = make_stream(
        1,
        slot_steps=10,
        episodes=np.array([1]),
        at=np.array([7.0]),
        returns=one,
        lengths=one,
        success=None,
        band="error",
        num_members=1,
        dots=dots,
        strip=strip,
    )
    return render_run(make_run(stream, name=HUGE_NAME, env_steps=7, num_solved=None), style)


@drawing("run-without-episodes")
def _(style: Style) -> str:
    return render_run(make_run(status="RUNNING", env_steps=0, num_solved=None), style)


@drawing("run-of-many-rows")
def _(style: Style) -> str:
    names = [HUGE_NAME, *(f"task {n:08x}" for n in range(15))]
    values = np.sin(np.arange(16 * 96).reshape(16, 96) / 40) * 1e7
    nothing = SlotCurve(*(np.full(96, np.nan) for _ in range(3)))
    strip = HeatStrip(names, "task", values, "return")
    stream = make_stream(
        96,
        stream=HUGE_NAME,
        slot_steps=25_000_000,
        at=(np.arange(96) + 0.5) * 25e6,
        returns=nothing,
        success=None,
        strip=strip,
        num_without_return=3_840,
        resumed_at=(10, 2_390_000_000),
    )
    return render_run(make_run(stream, status="LOST", num_streams_left_out=3), style)


# Values of every kind


@drawing("value-vector")
def _(style: Style) -> Picture:
    return picture_of(np.array([0.5, -1.25, np.nan, np.inf]), style)


@drawing("value-long-vector")
def _(style: Style) -> Picture:
    return picture_of(np.sin(np.arange(64) / 5), style)


@drawing("value-text")
def _(style: Style) -> Picture:
    return picture_of(np.array(["<b>", "a" * 200]), style)


for _name, _observe in OBSERVATIONS.items():

    @drawing(f"value-{_name}")
    def _(style: Style, observe: Callable[[int], np.ndarray] = _observe) -> Picture:
        return picture_of(observe(0), style)


@drawing("step-pong-stack")
def _(style: Style) -> str:
    return render_step(make_observed_step(pong_stack, title="Pong"), style)


@drawing("step-minatar")
def _(style: Style) -> str:
    return render_step(make_observed_step(minatar, title="Breakout-MinAtar"), style)


@drawing("step-nested")
def _(style: Style) -> str:
    changed = changed_between(inventory(0), inventory(1))
    return render_step(make_observed_step(inventory, changed_cells=changed, title="Crafter"), style)


@drawing("value-nested")
def _(style: Style) -> Picture:
    agent = {"position": np.array([1, 2]), "sees": np.ones((3, 3), bool), HUGE_NAME: HUGE_NAME}
    tree = {"time": np.float32(0.25), "agent": agent, "screens": (screen(0), screen(1)), "none": np.zeros(0)}
    return picture_of(tree | {f"x{index}": index for index in range(20)}, style)


@drawing("value-field-not-finite")
def _(style: Style) -> Picture:
    return picture_of(np.array([[-1.0, 0.0, 0.5], [np.nan, np.inf, -np.inf]]), style)


@drawing("history-curves")
def _(style: Style) -> Picture:
    steps = np.arange(40)
    values = np.stack([np.sin(steps / 9 + i) * (i + 1) for i in range(4)], axis=1)
    values[10:12, 0] = np.nan
    names = ("position", "velocity", "angle", "<b>")
    return vector_history(values, steps, Scale(0, 39, 72, 600), style, names=names)


@drawing("history-strip")
def _(style: Style) -> Picture:
    steps = np.arange(0, 80, 2)
    values = np.sin(steps[:, None] / 9 + np.arange(24))
    return vector_history(values, steps, Scale(0, 78, 72, 600), style)
