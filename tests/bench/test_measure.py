"""A tiny benchmark from end to end: what is counted is right, whatever the times are."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxarc.bench import Effort, Report, load_report, run_benchmark
from jaxarc.bench.compiling import compile_program
from jaxarc.bench.results import VariantResult
from jaxarc.bench.timing import Player, Session, time_pairs
from jaxarc.bench.variants import BATCHED, NAIVE, NONE, Variant
from jaxarc.bench.workloads import cart_pole_game, loop_workload, scan_workload
from jaxarc.recorder import Recorder

SCAN = scan_workload("tiny", "Tiny, 3 envs", cart_pole_game, 3, 8, hooks=("batched", "naive"))
LOOP = loop_workload("tiny-loop", "Tiny loop", cart_pole_game, 2, 5)
TINY = Effort(num_pairs=2, batch_s=0.0, warm_s=0.0, num_compiles=1, control=True)


@pytest.fixture(scope="module")
def report() -> Report:
    """Both tiny workloads, measured."""
    return run_benchmark([SCAN, LOOP], TINY, left_out={"ppo-arc": "there is no ppo.py"})


def variants(report: Report, workload: str) -> dict[str, VariantResult]:
    """Return a workload's variants by name."""
    found = next(result for result in report.workloads if result.name == workload)
    return {variant.name: variant for variant in found.variants}


@pytest.mark.parametrize("workload", ["tiny", "tiny-loop"])
def test_off_is_the_same_program_and_is_not_timed(report: Report, workload: str) -> None:
    """In a scan and where a single step is tapped."""
    off = variants(report, workload)["off"]
    assert off.same_program is True
    assert not off.pairs
    assert off.ratio is None


@pytest.mark.parametrize("level", ["minimal", "verbose", "full"])
def test_what_crosses_is_counted_for_one_call(report: Report, level: str) -> None:
    """One callback for a short scan, one for each tapped step; nothing is lost, nothing compiles again."""
    for workload, callbacks in (("tiny", 1), ("tiny-loop", 5)):
        recorded = variants(report, workload)[level]
        assert recorded.callbacks_per_call == callbacks
        assert recorded.bytes_per_call
        assert recorded.recompiles == 0
        assert recorded.losses == {}
        assert len(recorded.pairs) == TINY.num_pairs
        assert len(recorded.compile_s) == TINY.num_compiles


def test_more_crosses_at_a_higher_level(report: Report) -> None:
    """Scalars, steps, states."""
    found = variants(report, "tiny")
    crossed = [found[level].bytes_per_call or 0 for level in ("minimal", "verbose", "full")]
    assert crossed == sorted(set(crossed))


def test_there_is_a_control_and_what_people_write_by_hand(report: Report) -> None:
    """No recorder against no recorder, and two callbacks of one's own, which count nothing of ours."""
    found = variants(report, "tiny")
    assert list(found) == ["none", "off", "minimal", "verbose", "full", BATCHED.name, NAIVE.name]
    for name in (NONE.name, BATCHED.name, NAIVE.name):
        assert len(found[name].pairs) == TINY.num_pairs
        assert found[name].callbacks_per_call is None
        assert all(pair.backlog_s == pair.commit_s == 0.0 for pair in found[name].pairs)


def test_a_report_comes_back_from_its_file(report: Report, tmp_path: Path) -> None:
    """Every pair of times is in it, and so is what follows from them."""
    path = tmp_path / "folder" / "overhead.json"
    report.save(path)
    document = json.loads(path.read_text())
    assert document["schema"] == 1
    assert {"time", "commit", "machine", "versions", "settings", "measured", "left_out"} <= set(document)
    assert {"jax", "python"} <= set(document["versions"])
    assert {"device", "cores"} <= set(document["machine"])
    for workload in document["workloads"]:
        for variant in workload["variants"]:
            assert len(variant["pairs"]) == (0 if variant["same_program"] else TINY.num_pairs)
            assert (variant["derived"]["ratio"] is None) == (not variant["pairs"])
    again = load_report(path)
    assert again.to_json() == document
    assert again.left_out == {"ppo-arc": "there is no ppo.py"}


@pytest.mark.parametrize("hook", ["", "batched", "naive"])
@pytest.mark.parametrize("workload", [SCAN, LOOP], ids=lambda workload: workload.name)
def test_every_variant_plays_the_same_game(run_root: Path, workload, hook) -> None:
    """A recorder and a callback leave states and rewards as they are."""
    plain = workload.build(None, "", workload.num_steps)
    expected = jax.jit(plain.function)(plain.world, plain.carry)
    overrides = Variant("full", level="full").overrides(str(run_root))
    with Recorder(overrides) as recorder:
        other = workload.build(None if hook else recorder, hook, workload.num_steps)
        got = jax.jit(other.function)(other.world, other.carry)
        for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(got), strict=True):
            if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
                a, b = jax.random.key_data(a), jax.random.key_data(b)
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_session_that_draws_has_a_run_for_every_batch(run_root: Path) -> None:
    """So that each batch meets the first pictures of a run."""
    variant = Variant("drawing", level="verbose", draws=True)
    with Recorder(variant.overrides(str(run_root))) as recorder:
        slot = recorder.slot
        built = compile_program(SCAN.build(recorder, "", SCAN.num_steps))
    session = Session(variant, slot, str(run_root), SCAN.names)
    pairs = time_pairs(
        Player(built, 1),
        Player(built, 1),
        session,
        none_calls=0,
        calls=20,
        num_pairs=2,
        rng=random.Random(0),
        tell=lambda _: None,
    )
    session.close()
    assert len(pairs) == 2
    assert session.crossed.calls == 40
    assert session.crossed.chunks == 40
    assert len(list(run_root.glob("*/*/run.json"))) == 3


def test_a_program_that_differs_at_off_is_reported(run_root: Path) -> None:
    """Were a level off to leave something in the program, the comparison would say so."""

    def build(recorder, hook, num_steps):
        program = SCAN.build(None, "", num_steps)
        if recorder is None:
            return program

        def doubled(world, carry):
            carry, rewards = program.function(world, carry)
            return carry, 2 * rewards

        return replace(program, function=doubled)

    odd = replace(SCAN, name="odd", build=build, hooks=())
    result = run_benchmark([odd], replace(TINY, control=False)).workloads[0]
    assert next(variant for variant in result.variants if variant.name == "off").same_program is False
