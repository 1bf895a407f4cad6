"""DiagnosticsRecorder measures any pytree, and does what was asked where a number goes wrong."""

from __future__ import annotations

import logging
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from omegaconf import OmegaConf

import jaxarc
from jaxarc.config import DiagnosticsConfig
from jaxarc.diagnostics import DiagnosticsRecorder, ratios, statistics
from jaxarc.errors import ConfigError, DiagnosticsError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import Log, MetricBatch, read_experiment_event
from jaxarc.records.non_finite import NonFinite


class Submitted(list[Event]):
    """Events that were submitted, in their order."""

    def entries(self) -> list[Log]:
        """Return the entries of the log."""
        return [said for said in map(read_experiment_event, self) if isinstance(said, Log)]

    def rows(self) -> list[MetricBatch]:
        """Return what was measured."""
        return [said for said in map(read_experiment_event, self) if isinstance(said, MetricBatch)]


def test_statistics_of_each_leaf_are_those_of_numpy():
    """Min, max, mean, standard deviation and norm agree with NumPy's in 64 bits."""
    rng = np.random.default_rng(0)
    t, flow = rng.normal(300.0, 5.0, (64, 80)).astype(np.float32), rng.integers(-9, 9, (7,))
    row = DiagnosticsRecorder().measure(3, {"t": jnp.asarray(t), "flow": {"u": flow}})
    for name, values in (("t", t.astype(float)), ("flow.u", flow.astype(float))):
        known = (values.min(), values.max(), values.mean(), values.std(), np.linalg.norm(values))
        measured = [row[f"{name}/{each}"] for each in ("min", "max", "mean", "std", "norm")]
        np.testing.assert_allclose(measured, known, rtol=2e-6)
        assert row[f"{name}/nan"] == row[f"{name}/inf"] == 0
    norm = np.sqrt(np.sum(t.astype(float) ** 2) + np.sum(flow.astype(float) ** 2))
    assert row["state/norm"] == pytest.approx(norm, rel=2e-6)
    assert all(type(value) is float for value in row.values())


@pytest.mark.parametrize("scale", [1e-30, 1e30], ids=["tiny", "huge"])
def test_squares_neither_overflow_nor_vanish(scale: float):
    """A state of 1e30, or of 1e-30, has its norm and its standard deviation in 32 bits."""
    values = np.array([1.0, -2.0, 3.0]) * scale
    row = DiagnosticsRecorder().measure(0, jnp.asarray(values, jnp.float32))
    assert row["state/norm"] == pytest.approx(np.linalg.norm(values), rel=1e-6)
    assert row["state/std"] == pytest.approx(values.std(), rel=1e-6)


def test_numbers_that_are_not_finite_are_counted_and_the_rest_is_measured():
    """NaN and both infinities are counted; the statistics are those of the other numbers."""
    row = DiagnosticsRecorder({"non_finite": "record"}).measure(
        0, {"a": jnp.array([1.0, jnp.nan, 3.0, jnp.inf, -jnp.inf]), "b": jnp.array([jnp.nan])}
    )
    assert (row["a/nan"], row["a/inf"], row["a/min"], row["a/max"], row["a/mean"]) == (1, 2, 1, 3, 2)
    assert np.isnan(row["b/mean"])
    assert np.isnan(row["b/norm"])
    assert (row["state/nan"], row["state/inf"]) == (2, 2)
    assert row["state/norm"] == pytest.approx(np.sqrt(10))


def test_any_pytree_is_measured_and_what_is_no_number_is_passed_over():
    """Modules with functions, keys, text, empty arrays, small dtypes and Python numbers are taken."""
    state = {
        "net": eqx.nn.MLP(2, 2, 2, 1, key=jax.random.key(0)),
        "key": jax.random.key(1),
        "name": "<script>",
        "empty": jnp.zeros((0, 3)),
        "half": jnp.ones(4, jnp.bfloat16),
        "flag": np.array([True, False]),
        "wave": jnp.array([3 + 4j]),
        "count": 2**40,
        "state": 1.5,
    }
    row = DiagnosticsRecorder().measure(0, state)
    leaves = {name.rpartition("/")[0] for name in row} - {"state"}
    assert leaves >= {"net.layers[0].weight", "half", "flag", "wave", "count", "state.state"}
    assert not leaves & {"key", "name", "empty", "net.activation"}
    assert row["wave/max"] == 5
    assert row["flag/mean"] == 0.5
    assert row["count/max"] == 2.0**40


def test_gradients_and_updates_are_compared_with_the_parameters():
    """Ratios of norms, of each leaf and of all; where all parameters are zero there is none."""
    params = {"w": jnp.full(4, 2.0), "b": jnp.zeros(2)}
    grads = {"w": jnp.full(4, 1.0), "b": jnp.ones(2)}
    updates = jax.tree.map(lambda grad: -0.1 * grad, grads)
    row = DiagnosticsRecorder().measure(0, {}, params=params, grads=grads, updates=updates)
    assert row["grads.w/ratio"] == pytest.approx(0.5)
    assert row["updates.w/ratio"] == pytest.approx(0.05)
    assert row["grads/norm"] == pytest.approx(np.sqrt(6))
    assert row["updates/ratio"] == pytest.approx(0.1 * np.sqrt(6) / 4, rel=1e-6)
    assert "grads.b/ratio" not in row
    inside = jax.jit(lambda p, g, u: {**ratios(p, grads=g, updates=u), **statistics(g, "grads")})
    for name, value in inside(params, grads, updates).items():
        assert float(value) == pytest.approx(row[name], rel=1e-6), name


def test_functions_of_the_state_are_measured_within_the_same_program():
    """A function that is traced, one that the configuration names, and one of NumPy, in one row."""
    traced = []

    def energy(state: dict[str, Any]) -> dict[str, Any]:
        traced.append(1)
        return {"kinetic": (state["t"] ** 2).sum(), "potential": 2}

    recorder = DiagnosticsRecorder(
        {"functions": {"own": "jaxarc.diagnostics:statistics"}},
        functions={"energy": energy},
        host_functions={"median": lambda state: np.median(state["t"])},
    )
    rows = [recorder.measure(step, {"t": jnp.arange(4.0) + step}) for step in range(3)]
    row = rows[-1]
    assert len(traced) == 1
    assert row["energy/kinetic"] == 4 + 9 + 16 + 25
    assert row["energy/potential"] == 2
    assert row["median"] == 3.5
    assert row["own/t/max"] == 5


def test_each_structure_is_compiled_once_and_each_row_is_one_transfer(monkeypatch: pytest.MonkeyPatch):
    """However many leaves there are, one array comes to the host a step."""
    state = {f"leaf{i}": jnp.ones(3) for i in range(50)}
    recorder = DiagnosticsRecorder()
    recorder.measure(0, state)
    transfers = []
    real = np.asarray
    monkeypatch.setattr(np, "asarray", lambda a, *rest: transfers.append(type(a)) or real(a, *rest))
    with jax.log_compiles():
        recorder.measure(1, {name: leaf + 1 for name, leaf in state.items()})
    assert sum(issubclass(kind, jax.Array) for kind in transfers) == 1


def test_statistics_and_leaves_are_chosen_by_the_configuration():
    """Only what is asked for has numbers of its own; totals are of all."""
    recorder = DiagnosticsRecorder({"statistics": ["max"], "leaves": ["flow*"], "every": 5})
    assert recorder.measure(4, {"t": jnp.ones(2)}) == {}
    row = recorder.measure(5, {"flow": {"u": jnp.ones(4)}, "t": jnp.ones(5)})
    assert row == pytest.approx({"flow.u/max": 1.0, "state/norm": 3.0, "state/nan": 0.0, "state/inf": 0.0})


@pytest.mark.parametrize("action", ["record", "warn", "alert", "raise"])
def test_a_breach_is_recorded_told_or_raised(action: str, caplog: pytest.LogCaptureFixture):
    """Each action does what those before it do; the row is submitted and flushed before it raises."""
    submitted, flushed = Submitted(), []
    recorder = DiagnosticsRecorder(
        {"thresholds": {"*/max": {"max": 3.0, "action": action}}},
        submit=submitted.append,
        flush=lambda: flushed.append(len(submitted)),
    )
    with caplog.at_level(logging.INFO, "jaxarc.diagnostics"):
        recorder.measure(0, {"t": jnp.ones(2)})
        if action == "raise":
            with pytest.raises(DiagnosticsError, match=r"step 1: t/max is 5, above 3") as raised:
                recorder.measure(1, {"t": jnp.full(2, 5.0)})
            assert raised.value.row["t/max"] == 5
            assert raised.value.step == 1
            assert flushed == [3]
        else:
            recorder.measure(1, {"t": jnp.full(2, 5.0)})
            recorder.measure(2, {"t": jnp.full(2, 6.0)})
            assert not flushed
    assert [row.step for row in submitted.rows()][:2] == [0, 1]
    (entry,) = submitted.entries()
    assert (entry.step, entry.fields["metric"], entry.fields["action"]) == (1, "t/max", action)
    assert bool(caplog.records) == (action != "record")
    assert recorder.breaches["t/max"] == (1 if action == "raise" else 2)


def test_a_breach_that_is_over_is_told_and_may_come_again():
    """An entry of the log where it begins, one where it ends, one where it begins again."""
    submitted = Submitted()
    limits = {"t/max": {"max": 3.0, "action": "record"}}
    recorder = DiagnosticsRecorder({"thresholds": limits}, submit=submitted.append)
    for step, value in enumerate([1.0, 5.0, 5.0, 2.0, 7.0]):
        recorder.measure(step, {"t": jnp.array(value)})
    assert [(entry.step, entry.level) for entry in submitted.entries()] == [
        (1, "WARNING"),
        (3, "INFO"),
        (4, "WARNING"),
    ]


def test_strict_raises_for_every_breach_and_for_a_threshold_without_a_metric():
    """Strict mode knows no mere warning; a misspelt metric is named with the closest ones."""
    config = {"thresholds": {"t/max": {"max": 3, "action": "record"}}, "strict": True}
    with pytest.raises(DiagnosticsError, match="above 3"):
        DiagnosticsRecorder(config).measure(0, {"t": jnp.array(4.0)})
    with pytest.raises(DiagnosticsError, match=r"'t/maximum'.*did you mean t/max"):
        DiagnosticsRecorder({"thresholds": {"t/maximum": {"max": 3}}, "strict": True}).measure(
            0, {"t": jnp.array(1.0)}
        )
    with pytest.raises(DiagnosticsError, match="t is inf"):
        DiagnosticsRecorder({"strict": True}).measure(0, {"t": jnp.array(jnp.inf)})
    with pytest.raises(DiagnosticsError, match="loss is nan"):
        DiagnosticsRecorder({"strict": True}, functions={"loss": lambda state: 0.0 * jnp.inf}).measure(0, {})


def test_nan_is_beyond_every_limit():
    """A metric without a finite number breaches a limit, whichever way it points."""
    recorder = DiagnosticsRecorder(
        {"non_finite": "record", "thresholds": {"t/mean": {"min": 0, "action": "record"}}}
    )
    recorder.measure(0, {"t": jnp.array([jnp.nan])})
    assert recorder.breaches == {"t/mean": 1}


def test_the_first_number_that_is_not_finite_is_located_in_an_eager_loop_of_several_members():
    """Each member has its own place: update, step, env, leaf and index; the others go on."""
    obs = np.ones((3, 4, 2, 5), np.float32)  # member, step, env, feature
    submitted = Submitted()
    recorder = DiagnosticsRecorder(
        {"axes": ["member", "step", "env"], "non_finite": "record"}, submit=submitted.append
    )
    grads = {"w": np.ones((3, 2), np.float32)}
    recorder.measure(6, {"obs": obs, "reward": obs[..., 0]}, grads=grads)
    assert not recorder.found
    obs[1, 2, 1, 3], obs[1, 3, 0, 0], obs[1, 2, 1, 4] = -np.inf, np.nan, np.nan
    grads["w"][1] = grads["w"][2, 1] = np.nan
    recorder.measure(7, {"obs": obs, "reward": obs[..., 0]}, grads=grads)
    recorder.measure(8, {"obs": obs, "reward": obs[..., 0]}, grads=grads)
    first, second = recorder.found
    assert (first.member, first.update, first.step, first.env) == (1, 7, 2, 1)
    assert (first.leaf, first.kind, first.index, first.count, first.leaves) == ("obs", "-inf", [3], 6, 3)
    assert (second.where, second.leaf, second.index) == ({"member": 2, "update": 7}, "grads.w", [1])
    assert [NonFinite.of(entry) for entry in submitted.entries()] == [first, second]


def test_a_configuration_is_a_mapping_or_a_dict_config_and_says_all_that_is_wrong():
    """What a user has becomes a DiagnosticsConfig; every problem comes at once."""
    tree = OmegaConf.create({"strict": True, "thresholds": {"t/max": {"max": 3, "action": "raise"}}})
    assert jaxarc.DiagnosticsRecorder(tree).config == DiagnosticsConfig.of(
        {"strict": True, "thresholds": {"t/max": {"max": 3, "action": "raise"}}}
    )
    with pytest.raises(ConfigError) as wrong:
        DiagnosticsConfig.of(
            {
                "statistic": ["max"],
                "non_finite": "explode",
                "functions": {"energy": "nowhere"},
                "thresholds": {"t/max": {}, "t/min": {"min": 3, "max": 1}, "u": {"maximum": 3}},
            }
        )
    keys = [problem.key for problem in wrong.value.problems]
    assert keys == [
        "diagnostics.statistic",
        "diagnostics.functions",
        "diagnostics.non_finite",
        "diagnostics.thresholds.t/max",
        "diagnostics.thresholds.t/min.min",
        "diagnostics.thresholds.u.maximum",
        "diagnostics.thresholds.u",
    ]
    with pytest.raises(ConfigError, match="cannot be imported"):
        DiagnosticsRecorder({"functions": {"energy": "nowhere_at_all:energy"}})


def test_a_function_that_returns_an_array_is_refused_with_its_name_and_shape():
    """The error names the diagnostic, its shape and the way out."""
    recorder = DiagnosticsRecorder(functions={"field": lambda state: state["t"] * 2})
    with pytest.raises(DiagnosticsError, match=r"field has shape \[3\].*jnp\.mean"):
        recorder.measure(0, {"t": jnp.ones(3)})


def test_a_threshold_means_the_leaf_that_it_names_with_its_brackets():
    """Names of leaves in lists and arrays have brackets, which no pattern takes for a choice of letters."""
    config = {"thresholds": {"layers[1]/max": {"max": 0.5, "action": "raise"}}, "leaves": ["layers[*]"]}
    recorder = DiagnosticsRecorder(config)
    assert "layers[1]/max" in recorder.measure(0, {"layers": [np.ones(2), np.zeros(2)]})
    with pytest.raises(DiagnosticsError, match=r"layers\[1\]/max is 1, above 0\.5"):
        recorder.measure(1, {"layers": [np.zeros(2), np.ones(2)]})


def test_a_traced_state_is_told_where_to_measure_it():
    """Within a program that is compiled other functions do this: the error names them."""
    recorder = DiagnosticsRecorder()
    with pytest.raises(DiagnosticsError, match=r"recorder\.watch or recorder\.log"):
        jax.eval_shape(lambda x: recorder.measure(0, {"x": x})["x/max"], np.ones(3))
