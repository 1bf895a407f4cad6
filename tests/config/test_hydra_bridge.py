"""Configurations composed by Hydra: from the packaged files, under overrides, inside other applications."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
from omegaconf import OmegaConf

from jaxarc.config import LEVELS, Config, EpisodeConfig, coerce_config, load_config
from jaxarc.config.overrides import GROUPS
from jaxarc.errors import ConfigError, ConfigProblem

TREE = Path(str(files("jaxarc.conf")))


def problems_of(*overrides: str) -> dict[str, ConfigProblem]:
    """Return what is wrong with some overrides, by key."""
    with pytest.raises(ConfigError) as caught:
        load_config(overrides)
    return {problem.key: problem for problem in caught.value.problems}


def test_the_files_say_what_the_dataclasses_say():
    """Without overrides, Hydra composes exactly the defaults of the dataclasses."""
    assert load_config() == Config()


@pytest.mark.parametrize("group", GROUPS)
def test_every_key_of_the_files_is_a_field_and_every_field_a_key(group: str):
    """No file has a key without a field, or leaves a field out; only the seed's debug_level is besides."""
    expected = shape(getattr(Config(), group))
    if group == "visualization":
        expected["debug_level"] = None
    paths = sorted((TREE / group).glob("*.yaml"))
    assert paths
    for path in paths:
        assert shape(yaml.safe_load(path.read_text())) == expected, path


def shape(value: Any) -> Any:
    """Return the nested keys of a mapping or a dataclass."""
    if is_dataclass(value):
        return {field.name: shape(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping) and value:
        return {name: shape(item) for name, item in value.items()}
    return None


def test_every_group_is_a_section_and_every_section_a_group():
    """The folders of the tree are the sections of Config."""
    folders = {path.name for path in TREE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    sections = {field.name for field in fields(Config) if is_dataclass(getattr(Config(), field.name))}
    assert folders == set(GROUPS) == sections


@pytest.mark.parametrize("level", LEVELS)
def test_a_debug_level_sets_the_capture_level(level: str):
    """visualization=debug_LEVEL is how the level is usually chosen."""
    assert load_config([f"visualization=debug_{level}"]).capture.level == level


@pytest.mark.parametrize(
    "overrides",
    [
        ["capture.level=minimal", "visualization=debug_verbose"],
        ["visualization=debug_verbose", "capture.level=minimal"],
    ],
)
def test_an_explicit_level_wins_over_the_debug_level(overrides: list[str]):
    """capture.level is the only level; in whichever order it is given, it stands."""
    assert load_config(overrides).capture.level == "minimal"


def test_the_debug_files_differ_in_what_is_drawn_live():
    """Where no boards are recorded nothing is drawn live; the full level numbers rows and columns."""
    live = {
        level: load_config([f"visualization=debug_{level}"]).visualization.live.enabled for level in LEVELS
    }
    assert live == {"off": False, "minimal": False, "standard": True, "verbose": True, "full": True}
    assert load_config(["visualization=debug_full"]).visualization.show_coordinates


def test_the_storage_files_differ_in_experiment_compression_and_segments():
    """Each storage file has a purpose that shows on disk."""
    found = {
        name: load_config([f"storage={name}"]).storage for name in ("development", "research", "production")
    }
    assert found["development"] == EpisodeConfig()
    assert (found["research"].experiment, found["research"].segment_bytes) == ("research", 128_000_000)
    assert (found["production"].experiment, found["production"].compression) == ("production", "gzip")


@pytest.mark.parametrize("name", ["wandb_basic", "wandb_full"])
def test_the_wandb_files_name_their_tracker_and_full_sends_more(name: str):
    """The seed's files switch W&B on; trackers=[] switches it off again."""
    logging = load_config([f"logging={name}"]).logging
    assert (logging.trackers, logging.wandb.enabled) == (("wandb",), True)
    assert logging.wandb.log_gradients == (name == "wandb_full")
    assert not load_config([f"logging={name}", "logging.trackers=[]"]).logging.wandb.enabled


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("JAXARC_OUTPUT_DIR", "storage.base_output_dir"),
        ("JAXARC_EXPERIMENT", "storage.experiment"),
        ("JAXARC_RUN_NAME", "storage.run_name"),
        ("JAXARC_FALLBACK_DIR", "storage.fallback_dir"),
        ("JAXARC_LOG_LEVEL", "logging.log_level"),
        ("JAXARC_DATASET", "env.dataset"),
    ],
)
def test_environment_variables_fill_in_and_overrides_win(
    variable: str, key: str, monkeypatch: pytest.MonkeyPatch
):
    """Each documented variable reaches its key, even without overrides, and gives way to one."""
    section, name = key.split(".")
    monkeypatch.setenv(variable, "ERROR")
    for config in (load_config(), coerce_config(None), coerce_config({"seed": 1})):
        assert getattr(getattr(config, section), name) == "ERROR"
    assert getattr(getattr(load_config([f"{key}=WARNING"]), section), name) == "WARNING"
    assert getattr(getattr(coerce_config({section: {name: "WARNING"}}), section), name) == "WARNING"
    assert variable in (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def test_streams_need_no_plus_sign():
    """capture.streams.NAME.level works as it is written, although no file knows the name."""
    config = load_config(["capture.streams.eval.level=full", "capture.streams.eval.keep=[best_n:3,success]"])
    assert config.capture.for_stream("eval").level == "full"
    assert load_config(["capture.streams.eval.journal=off"]).capture.for_stream("eval").journal == "off"
    assert load_config(["capture={streams: {eval: {level: off}}}"]).capture.for_stream("eval").level == "off"


def test_task_ids_keep_their_leading_zeros():
    """Ids of digits only stay text."""
    assert load_config(["env.task_ids=[00576224,23581191]"]).env.task_ids == ("00576224", "23581191")


@pytest.mark.parametrize(
    ("override", "key", "mended"),
    [
        ("visualisation=debug_verbose", "visualisation", "visualization=debug_verbose"),
        ("visualization=debug_verbos", "visualization", "visualization=debug_verbose"),
        ("storage=reserch", "storage", "storage=research"),
        ("captur.level=full", "captur.level", "capture.level=full"),
        ("level=full", "level", "capture.level=full"),
        ("num_steps=3", "num_steps", "rollout.num_steps=3"),
        ("+capture.levle=full", "capture.levle", "capture.level=full"),
        ("~capture.kep", "capture.kep", "~capture.keep"),
        ("capture={levle: full}", "capture.levle", "capture.level=full"),
        ("capture.streams.eval.levle=full", "capture.streams.eval.levle", "capture.streams.eval.level=full"),
        ("seed=1,2,3", "seed", "seed=1"),
        ("seed=range(1,4)", "seed", "seed=1"),
        ("seed", "seed", "seed=0"),
        ("seed=${oc.env:JAXARC_NO_SUCH_VARIABLE}", "seed", "seed=0"),
        ("seed=${nothing.there}", "seed", "seed=0"),
        ("seed=???", "seed", "seed=0"),
        ("storage@elsewhere=research", "storage@elsewhere", "storage=research"),
        ("storage.run_name=a{b", "storage.run_name", "storage.run_name='a{b'"),
        ("capture.keep=[all", "capture.keep", None),
        ("qqq=1", "qqq", "env=arc"),
        ("=3", "", "env=arc"),
        ("hydra.run.dir=x", "hydra.run.dir", "env=arc"),
        ("env=16", "env", "env=arc"),
        ("~capture.streams.eval", "capture.streams.eval", None),
        ("capture.level.deeper=1", "capture.level.deeper", "capture.level=1"),
    ],
)
def test_a_wrong_override_is_one_clear_problem(override: str, key: str, mended: str | None):
    """Unknown groups, options and keys, sweeps, packages and bad syntax never surface as Hydra errors."""
    [problem] = problems_of(override).values()
    assert problem.key == key
    assert "\n" not in str(problem)
    if mended is not None:
        assert problem.override == mended


def test_wrong_overrides_and_wrong_values_arrive_together():
    """One error names what Hydra would have refused and what the dataclasses refuse."""
    found = problems_of(
        "visualisation=debug_full", "seed=${oc.env:JAXARC_NO_SUCH_VARIABLE}", "rollout.num_steps=0"
    )
    assert set(found) == {"visualisation", "seed", "rollout.num_steps"}


def test_loading_leaves_the_hydra_of_a_host_as_it_was():
    """GlobalHydra and the version base of an application that uses Hydra itself are the same afterwards."""
    with initialize_config_module("jaxarc.conf", version_base="1.2"):
        host = GlobalHydra.instance()
        hydra, version = host.hydra, VersionBase.instance().getbase()
        load_config(["seed=3"])
        with pytest.raises(ConfigError):
            load_config(["seed=oops"])
        assert GlobalHydra.instance() is host
        assert host.hydra is hydra
        assert VersionBase.instance().getbase() == version
        assert compose("jaxarc").seed == 0
    load_config()
    assert not GlobalHydra.instance().is_initialized()


def test_everything_that_can_stand_for_a_configuration_is_taken():
    """A Config stays itself, mappings are laid over the defaults, lists are overrides."""
    config = Config(seed=3)
    assert coerce_config(config) is config
    assert coerce_config() == Config()
    assert coerce_config({"seed": 3}) == config
    assert coerce_config({"storage": EpisodeConfig(run_name="x")}).storage.run_name == "x"
    assert coerce_config(("seed=3",)) == config
    assert coerce_config({"visualization": {"debug_level": "full"}}).capture.level == "full"


def test_a_part_of_a_host_configuration_is_resolved_where_it_stands():
    """A DictConfig below a host's root may refer to the host's values."""
    host = OmegaConf.create({"steps": 7, "recording": {"rollout": {"num_steps": "${steps}"}}})
    assert coerce_config(host.recording).rollout.num_steps == 7


def test_an_interpolation_that_leads_nowhere_is_a_problem():
    """A DictConfig that cannot be resolved names the key, without an OmegaConf traceback."""
    with pytest.raises(ConfigError, match=r"rollout\.num_steps"):
        coerce_config(OmegaConf.create({"rollout": {"num_steps": "${nowhere}"}}))


@pytest.mark.parametrize("value", [3, "seed=3", [1, 2], object()])
def test_what_cannot_be_a_configuration_is_refused(value: Any):
    """A number, a bare string or a list of something else is no configuration."""
    with pytest.raises(ConfigError, match="must be a Config, a mapping, a list of overrides or None"):
        coerce_config(value)


HOST_APPLICATION = """
import hydra
from hydra.core.hydra_config import HydraConfig
from jaxarc.config import coerce_config, load_config

@hydra.main(config_path="conf", config_name="config", version_base="1.2")
def main(cfg):
    before = HydraConfig.get().job.name
    own = load_config(["visualization=debug_full"])
    mounted = coerce_config(cfg.recording)
    assert HydraConfig.get().job.name == before == "app"
    print(cfg.learning_rate, own.capture.level, own.env.num_envs)
    print(mounted.capture.level, mounted.storage.compression, mounted.env.num_envs, mounted.logging.log_level)
    print(mounted.capture.for_stream("eval").level)

main()
"""

HOST_CONFIG = """
defaults:
  - jaxarc@recording
  - env: default
  - _self_
hydra:
  searchpath: [pkg://jaxarc.conf]
learning_rate: 0.1
recording:
  env:
    num_envs: 64
"""


def host_output(folder: Path, *overrides: str) -> str:
    """Run a small application with a Hydra configuration of its own, which mounts ours."""
    (folder / "conf" / "env").mkdir(parents=True)
    (folder / "app.py").write_text(HOST_APPLICATION)
    (folder / "conf" / "config.yaml").write_text(HOST_CONFIG)
    (folder / "conf" / "env" / "default.yaml").write_text("name: the host's own\n")
    done = subprocess.run(
        [sys.executable, "app.py", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_host_application_mounts_the_tree_and_loads_its_own(tmp_path: Path):
    """Under @hydra.main, load_config and a mounted tree beside the host's groups both work."""
    output = host_output(tmp_path, "+recording.capture.streams.eval.level=minimal")
    assert output.splitlines() == ["0.1 full 16", "standard zstd 64 INFO", "minimal"]


def test_a_host_application_chooses_our_options_by_package(tmp_path: Path):
    """GROUP@recording.GROUP chooses among our files, and the debug level follows into the mounted package."""
    output = host_output(
        tmp_path,
        "visualization@recording.visualization=debug_verbose",
        "storage@recording.storage=production",
        "recording.logging.log_level=ERROR",
    )
    assert output.splitlines() == ["0.1 full 16", "verbose gzip 64 ERROR", "verbose"]
