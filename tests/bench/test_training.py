"""Training programs come from files beside the package, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest

from jaxarc.bench import TRAINING, Workload, load_training

EXAMPLE = """
import jax
import jaxarc

CONFIG = {"NUM_ENVS": 8, "NUM_UPDATES": 100, "NUM_STEPS": 4}


def make_train(config, record=None):
    def train(key):
        def body(carry, _):
            reward = jax.random.uniform(key, (config["NUM_ENVS"],))
            step = jaxarc.Step(reward=reward, terminated=reward > 0.5)
            return carry, (reward if record is None else (step, reward))

        scan = jax.lax.scan if record is None else record.scan
        return scan(body, 0, None, config["NUM_STEPS"])[1]

    return train
"""


def test_a_missing_file_or_folder_is_said() -> None:
    """Neither is an error: the other workloads are measured."""
    assert "--examples" in str(load_training("ppo-arc", None))
    assert "no ppo_cartpole.py" in str(load_training("ppo-cartpole", Path("nowhere")))


def test_a_file_that_needs_a_library_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With what to install."""
    (tmp_path / "ppo_cartpole.py").write_text("import a_library_that_is_not_there")
    assert "jaxarc-toolkit[bench]" in str(load_training("ppo-cartpole", tmp_path))


def test_a_file_becomes_a_workload_of_whole_training_runs(tmp_path: Path) -> None:
    """Called again it trains again, from the same keys."""
    (tmp_path / "ppo_cartpole.py").write_text(EXAMPLE)
    workload = load_training("ppo-cartpole", tmp_path)
    assert isinstance(workload, Workload)
    program = workload.build(None, "", workload.num_steps)
    keys, rewards = jax.jit(program.function)(program.world, program.carry)
    assert (jax.random.key_data(keys) == jax.random.key_data(program.carry)).all()
    assert rewards.shape == (2, 4, 64)
    assert workload.num_steps == 4 * 30


@pytest.mark.parametrize("name", TRAINING)
def test_the_examples_of_the_checkout_are_such_files(name: str) -> None:
    """What benchmarks/overhead.py measures is there, and is lowered with and without a recorder."""
    pytest.importorskip("optax")
    pytest.importorskip("gymnax")
    workload = load_training(name, Path(__file__).parents[2] / "examples")
    assert isinstance(workload, Workload), workload
    program = workload.build(None, "", workload.num_steps)
    assert jax.eval_shape(program.function, program.world, program.carry)
