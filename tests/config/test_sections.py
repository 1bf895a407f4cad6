"""The configuration classes check themselves, and name all that is wrong at once."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.config import (
    CLEANUP_POLICIES,
    JOURNALS,
    KEEP_RULES,
    LEVELS,
    LIVE_RULES,
    POLICIES,
    AsyncLoggerConfig,
    CaptureConfig,
    Config,
    EnvConfig,
    EpisodeConfig,
    KeepRule,
    LiveConfig,
    LoggingConfig,
    RolloutConfig,
    StreamConfig,
    VisualizationConfig,
    WandbConfig,
    load_config,
    parse_keep_rule,
)
from jaxarc.errors import ConfigError, ConfigProblem, JaxArcError


def problems_of(mapping: Mapping[str, Any]) -> dict[str, ConfigProblem]:
    """Return what is wrong with a configuration, by key."""
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(mapping)
    return {problem.key: problem for problem in caught.value.problems}


def nested(key: str, value: Any) -> Any:
    """Return a mapping that sets one dotted key."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return value


whole = st.integers(1, 2**40)
bonus = st.floats(min_value=0, allow_infinity=False)
penalty = st.floats(max_value=0, allow_infinity=False)
letters = st.characters(categories=("L", "N"))
name = st.text(st.one_of(letters, st.sampled_from("-_ +=")), min_size=1, max_size=20).filter(
    lambda words: words == words.strip()
)
envs = st.one_of(st.integers(1, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=9, unique=True))
keep_rule = st.sampled_from(KEEP_RULES).flatmap(
    lambda rule: st.integers(1, 10**6).map(lambda n: f"{rule}:{n}") if rule.endswith("_n") else st.just(rule)
)
keep = st.lists(keep_rule, min_size=1, max_size=4, unique=True)
stream_configs = st.builds(
    StreamConfig,
    level=st.none() | st.sampled_from(LEVELS),
    envs=st.none() | envs,
    keep=st.none() | keep,
    journal=st.none() | st.sampled_from(JOURNALS),
)
capture_configs = st.builds(
    CaptureConfig,
    level=st.sampled_from(LEVELS),
    envs=envs,
    keep=keep,
    key_steps=st.integers(2, 10**6),
    key_delta=st.floats(0, 1e9),
    journal=st.sampled_from(JOURNALS),
    keyframe_steps=whole,
    window=st.integers(0, 2**40),
    budget=st.none() | st.floats(0, 1, exclude_min=True),
    chunk_bytes=st.integers(1, 10**6),
    assembler_bytes=st.integers(10**6, 10**12),
    streams=st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), stream_configs, max_size=3),
)
configs = st.builds(
    Config,
    env=st.builds(
        EnvConfig,
        dataset=name,
        split=name,
        task_ids=st.none() | st.lists(name, min_size=1, max_size=4, unique=True),
        pairs=st.sampled_from(["train", "test", "all"]),
        num_envs=whole,
        max_episode_steps=whole,
        similarity_weight=bonus,
        step_penalty=penalty,
        success_bonus=bonus,
        wrong_submission_penalty=penalty,
        allowed_operations=st.none() | st.lists(st.integers(0, 34), min_size=1, unique=True),
    ),
    capture=capture_configs,
    pipeline=st.builds(
        AsyncLoggerConfig,
        queue_bytes=st.integers(10**6, 10**12),
        overflow=st.sampled_from(["block", "drop_steps"]),
        flush_interval=st.floats(0, 1e9, exclude_min=True),
        strict=st.booleans(),
        handle_signals=st.booleans(),
    ),
    visualization=st.builds(
        VisualizationConfig,
        output_formats=st.lists(st.sampled_from(["svg", "png", "html"]), min_size=1, unique=True),
        image_quality=st.sampled_from(["low", "medium", "high"]),
        show_coordinates=st.booleans(),
        show_operation_names=st.booleans(),
        highlight_changes=st.booleans(),
        include_metrics=st.booleans(),
        show_digits=st.booleans(),
        color_scheme=st.sampled_from(["default", "colorblind", "high_contrast"]),
        theme=st.sampled_from(["light", "dark"]),
        render=st.none() | st.just("package.module:Class.function"),
        report=st.booleans(),
        live=st.builds(
            LiveConfig,
            enabled=st.booleans(),
            rules=st.lists(st.sampled_from(LIVE_RULES), unique=True),
            max_files=st.integers(0, 10**6),
            max_seconds=st.floats(0, 1e9),
            max_memory_mb=st.floats(0, 1e9, exclude_min=True),
        ),
    ),
    logging=st.builds(
        LoggingConfig,
        log_level=st.sampled_from(["DEBUG", "info", "Error"]),
        format=st.sampled_from(["hdf5", "json"]),
        structured_logging=st.booleans(),
        include_full_states=st.booleans(),
        compression=st.booleans(),
    ),
    storage=st.builds(
        EpisodeConfig,
        base_output_dir=name,
        experiment=name,
        run_name=st.none() | name,
        episode_dir_format=st.sampled_from(["episode_{episode:04d}", "{episode}", "e{episode:9}x"]),
        step_file_format=st.sampled_from(["step_{step:03d}", "{step:d}"]),
        compression=st.sampled_from(["zstd", "gzip", "lzf", "none"]),
        segment_bytes=whole,
        max_storage_gb=st.none() | st.floats(1e-9, 1e9),
        max_episodes_per_run=st.none() | whole,
        cleanup_policy=st.sampled_from(CLEANUP_POLICIES),
        fallback_dir=st.none() | name,
    ),
    rollout=st.builds(RolloutConfig, num_steps=whole, draw_episodes=st.integers(0, 10**6)),
    policy=st.sampled_from(POLICIES),
    seed=st.integers(0, 2**32 - 1),
)


@given(configs)
def test_a_configuration_survives_json_and_pickle(config: Config):
    """to_dict holds everything: from_dict of its JSON is the same configuration with the same hash."""
    again = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.hash == config.hash
    assert hash(again) == hash(config)
    assert pickle.loads(pickle.dumps(config)) == config


def test_every_problem_is_named_in_one_error():
    """Wrong values in several sections, an unknown key and a contradiction arrive together."""
    found = problems_of(
        {
            "capture": {
                "levle": "full",
                "envs": 0,
                "chunk_bytes": 100_000_000,
                "streams": {"eval": {"level": "x"}},
            },
            "storage": {"run_name": "../elsewhere"},
            "pipeline": {"flush_interval": 0},
            "seed": "1",
        }
    )
    assert set(found) == {
        "capture.levle",
        "capture.envs",
        "capture.streams.eval.level",
        "storage.run_name",
        "pipeline.flush_interval",
        "pipeline.queue_bytes",
        "seed",
    }


def test_the_error_shows_value_limit_and_override_of_each_problem():
    """The text of the error is enough to mend the configuration."""
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({"pipeline": {"queue_bytes": 4096}, "capture": {"chunk_bytes": 65536}})
    assert str(caught.value) == (
        "1 problem in the configuration:\n"
        "  pipeline.queue_bytes: must be at least capture.chunk_bytes, got 4096 and 65536; raise"
        " pipeline.queue_bytes or lower capture.chunk_bytes; try pipeline.queue_bytes=65536"
    )
    assert isinstance(caught.value, JaxArcError)
    assert isinstance(caught.value, ValueError)


WRONG = [
    ("env.dataset", 3.5),
    ("env.dataset", ""),
    ("env.split", " "),
    ("env.task_ids", []),
    ("env.task_ids", [1.5]),
    ("env.task_ids", ["a", "a"]),
    ("env.pairs", "both"),
    ("env.num_envs", 0),
    ("env.num_envs", "16"),
    ("env.num_envs", 16.0),
    ("env.num_envs", True),
    ("env.num_envs", None),
    ("env.max_episode_steps", -1),
    ("env.similarity_weight", float("nan")),
    ("env.step_penalty", float("inf")),
    ("env.step_penalty", 0.5),
    ("env.success_bonus", -1.0),
    ("env.success_bonus", "10"),
    ("env.wrong_submission_penalty", False),
    ("env.allowed_operations", [35]),
    ("env.allowed_operations", [-1, 3]),
    ("env.allowed_operations", 3),
    ("capture.level", "everything"),
    ("capture.level", False),
    ("capture.envs", -1),
    ("capture.envs", []),
    ("capture.envs", [1, 1]),
    ("capture.envs", "all"),
    ("capture.envs", 1.5),
    ("capture.keep", []),
    ("capture.keep", ["sometimes"]),
    ("capture.keep", ["best_n"]),
    ("capture.keep", ["best_n:0"]),
    ("capture.keep", ["success:3"]),
    ("capture.keep", 3),
    ("capture.key_steps", 1),
    ("capture.key_delta", -0.1),
    ("capture.journal", "some"),
    ("capture.journal", False),
    ("capture.journal", 3),
    ("capture.keyframe_steps", 0),
    ("capture.keyframe_steps", 2.5),
    ("capture.window", -1),
    ("capture.window", None),
    ("capture.budget", 0.0),
    ("capture.budget", 1.01),
    ("capture.budget", -0.5),
    ("capture.budget", "5%"),
    ("capture.chunk_bytes", 0),
    ("capture.assembler_bytes", 1000),
    ("capture.streams", ["eval"]),
    ("capture.streams", {"ev/al": {}}),
    ("capture.streams.eval", "full"),
    ("capture.streams.eval.keep", ["never"]),
    ("capture.streams.eval.journal", "some"),
    ("capture.streams.eval.journal", False),
    ("pipeline.queue_bytes", 10),
    ("pipeline.overflow", "drop"),
    ("pipeline.flush_interval", 0.0),
    ("pipeline.flush_interval", float("nan")),
    ("pipeline.strict", "yes"),
    ("pipeline.strict", 1),
    ("pipeline.handle_signals", None),
    ("visualization.output_formats", ["pdf"]),
    ("visualization.output_formats", []),
    ("visualization.image_quality", "best"),
    ("visualization.show_coordinates", "true"),
    ("visualization.show_operation_names", 0),
    ("visualization.highlight_changes", "no"),
    ("visualization.include_metrics", []),
    ("visualization.color_scheme", "rainbow"),
    ("visualization.show_digits", 1),
    ("visualization.theme", "solarized"),
    ("visualization.render", "my_env.pictures.render"),
    ("visualization.report", "yes"),
    ("visualization.live", True),
    ("visualization.live.enabled", "on"),
    ("visualization.live.rules", ["second"]),
    ("visualization.live.max_files", -1),
    ("visualization.live.max_seconds", -1.0),
    ("visualization.live.max_memory_mb", 0),
    ("logging.log_level", "LOUD"),
    ("logging.format", "csv"),
    ("logging.format", "pickle"),
    ("logging.log_level", 10),
    ("logging.structured_logging", "maybe"),
    ("logging.include_full_states", 2),
    ("logging.compression", "zstd"),
    ("logging.trackers", ["wandbb"]),
    ("logging.close_timeout", -1.0),
    ("logging.upload_bytes", -1),
    ("logging.gates", [1]),
    ("logging.wandb", True),
    ("logging.wandb.enabled", "yes"),
    ("logging.wandb.project_name", ""),
    ("logging.wandb.entity", ""),
    ("logging.wandb.group", ""),
    ("logging.wandb.job_type", ""),
    ("logging.wandb.mode", "sometimes"),
    ("logging.wandb.tags", 3),
    ("logging.wandb.log_frequency", 0),
    ("logging.wandb.image_format", "gif"),
    ("logging.wandb.max_image_size", [800]),
    ("logging.wandb.log_gradients", 1),
    ("logging.wandb.log_model_topology", 1),
    ("logging.mlflow", "sqlite:///x.db"),
    ("logging.tensorboard", 1),
    ("logging.trackio", "x"),
    ("logging.mlflow.tracking_uri", ""),
    ("logging.mlflow.experiment", ""),
    ("logging.tensorboard.log_dir", ""),
    ("logging.trackio.project", ""),
    ("logging.trackio.space_id", ""),
    ("storage.base_output_dir", ""),
    ("storage.base_output_dir", "a\0b"),
    ("storage.experiment", "a/b"),
    ("storage.run_name", ".."),
    ("storage.run_name", "a..b"),
    ("storage.run_name", ".hidden"),
    ("storage.run_name", "a\\b"),
    ("storage.run_name", "a\0b"),
    ("storage.run_name", "a\nb"),
    ("storage.run_name", " a"),
    ("storage.run_name", ""),
    ("storage.run_name", "x" * 101),
    ("storage.run_name", "é" * 51),
    ("storage.episode_dir_format", "episode"),
    ("storage.episode_dir_format", "{step}"),
    ("storage.episode_dir_format", "{episode}_{episode}"),
    ("storage.episode_dir_format", "{episode.__class__}"),
    ("storage.episode_dir_format", "{episode!r}"),
    ("storage.episode_dir_format", "{episode:0999999999d}"),
    ("storage.episode_dir_format", "{episode"),
    ("storage.episode_dir_format", "../{episode}"),
    ("storage.step_file_format", "steps/{step}"),
    ("storage.step_file_format", "{step:.2f}"),
    ("storage.compression", "lz4"),
    ("storage.segment_bytes", 0),
    ("storage.max_storage_gb", 0),
    ("storage.max_episodes_per_run", 0),
    ("storage.cleanup_policy", "newest_first"),
    ("storage.fallback_dir", ""),
    ("rollout.num_steps", 0),
    ("rollout.draw_episodes", -1),
    ("policy", "expert"),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", 1.0),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_value_is_refused_with_an_override_that_mends_it(key: str, value: Any):
    """The problem carries the full key, and the override it suggests composes without a problem."""
    [problem] = problems_of(nested(key, value)).values()
    assert problem.key.startswith(key)
    assert problem.message
    assert load_config([problem.override])


def test_every_field_has_a_wrong_value_in_the_list_above():
    """No field escapes the checks."""
    tested = {key for key, _ in WRONG}
    sections = [
        EnvConfig,
        CaptureConfig,
        AsyncLoggerConfig,
        VisualizationConfig,
        LiveConfig,
        LoggingConfig,
        EpisodeConfig,
        RolloutConfig,
    ]
    missing = [
        cls.key_of(f.name) for cls in sections for f in fields(cls) if cls.key_of(f.name) not in tested
    ]
    assert not missing


@pytest.mark.parametrize(
    ("mapping", "key", "near"),
    [
        ({"visualisation": {}}, "visualisation", "visualization"),
        ({"capture": {"levels": "full"}}, "capture.levels", "level"),
        ({"visualization": {"live": {"max_file": 3}}}, "visualization.live.max_file", "max_files"),
        ({"capture": {"streams": {"eval": {"kep": ["all"]}}}}, "capture.streams.eval.kep", "keep"),
    ],
)
def test_an_unknown_key_names_the_closest_ones(mapping: Mapping[str, Any], key: str, near: str):
    """A typing error is answered with the key that was meant."""
    [problem] = problems_of(mapping).values()
    assert problem.key == key
    assert f"did you mean {near}" in problem.message


def test_an_unlike_key_lists_what_there_is():
    """Where nothing comes close, the error lists the keys of the section."""
    [problem] = problems_of({"rollout": {"xyz": 1}}).values()
    assert "rollout has num_steps" in problem.message


def test_a_section_that_is_no_mapping_is_refused():
    """A bare value where a section belongs lists the section's fields."""
    assert "num_steps" in problems_of({"rollout": 200})["rollout"].message


def test_a_misspelt_word_is_answered_with_the_nearest_choice():
    """The override that mends a misspelt choice is the choice that was meant."""
    assert problems_of({"capture": {"level": "verbos"}})["capture.level"].override == "capture.level=verbose"
    assert (
        problems_of({"capture": {"keep": ["bestn:3"]}})["capture.keep"].override == "capture.keep=[best_n:5]"
    )


def test_yaml_reads_off_as_false_and_the_error_knows():
    """The level that a bare off in YAML turns into is mended by naming it in quotes or as an override."""
    assert problems_of({"capture": {"level": False}})["capture.level"].override == "capture.level=off"


def test_configurations_are_frozen():
    """What is decided stays decided."""
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.seed = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        config.capture.streams["eval"] = StreamConfig()  # pyright: ignore[reportIndexIssue]


def test_values_take_their_final_form():
    """Lists become tuples, whole numbers become floats where those belong, paths become text."""
    config = Config.from_dict(
        {
            "capture": {"envs": [5, 2], "keep": "best_n:07", "key_delta": 1},
            "storage": {"base_output_dir": Path("runs"), "run_name": 2024},
            "logging": {"log_level": "debug"},
            "env": {"task_ids": ["00576224", 23581191]},
        }
    )
    assert config.capture.envs == (2, 5)
    assert config.capture.keep == ("best_n:7",)
    assert isinstance(config.capture.key_delta, float)
    assert config.storage.base_output_dir == "runs"
    assert config.storage.run_name == "2024"
    assert config.logging.log_level == "DEBUG"
    assert config.env.task_ids == ("00576224", "23581191")


def test_a_stream_inherits_what_it_does_not_say():
    """for_stream fills the fields that a stream leaves out, and unknown streams follow capture."""
    capture = CaptureConfig(
        level="minimal", envs=2, keep=("success",), streams={"eval": StreamConfig(level="full")}
    )
    evaluated, trained = capture.for_stream("eval"), capture.for_stream("train")
    assert (evaluated.level, evaluated.envs, evaluated.keep) == ("full", 2, (KeepRule("success"),))
    assert (trained.level, trained.envs, trained.keep) == ("minimal", 2, (KeepRule("success"),))
    keeps = CaptureConfig(streams={"eval": StreamConfig(keep=["worst_n:3"], envs=(7,))}).for_stream("eval")
    assert (keeps.keep, keeps.envs) == ((KeepRule("worst_n", 3),), (7,))
    capture = CaptureConfig(
        journal="all", streams={"eval": StreamConfig(journal="off"), "other": StreamConfig()}
    )
    assert [capture.for_stream(name).journal for name in ("train", "eval", "other")] == ["all", "off", "all"]


@given(keep_rule)
def test_a_keep_rule_reads_back_as_it_is_written(words: str):
    """str and parse_keep_rule are inverse."""
    rule = parse_keep_rule(words)
    assert parse_keep_rule(str(rule)) == rule
    assert str(rule) == words


def test_the_hash_leaves_out_what_only_names_or_places_a_run():
    """Two runs of one configuration share a hash wherever they are kept; any other change moves it."""
    config = Config()
    moved = Config(storage=EpisodeConfig(base_output_dir="elsewhere", experiment="other", run_name="second"))
    assert moved.hash == config.hash
    assert Config(seed=1).hash != config.hash
    assert Config(storage=EpisodeConfig(compression="gzip")).hash != config.hash
    assert len(config.hash) == 12


def test_the_hash_is_the_same_in_every_process():
    """The hash does not depend on Python's own randomised hashing: it is compared between runs."""
    program = "from jaxarc.config import Config; print(Config().hash)"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == Config().hash


def test_the_seeds_debug_level_sets_the_level_unless_that_is_given():
    """visualization.debug_level is the seed's spelling of capture.level."""
    assert Config.from_dict({"visualization": {"debug_level": "full"}}).capture.level == "full"
    both = Config.from_dict({"visualization": {"debug_level": "full"}, "capture": {"level": "off"}})
    assert both.capture.level == "off"
    assert "debug_level" not in both.to_dict()["visualization"]


def test_wandb_is_named_or_enabled_which_says_the_same():
    """Both spellings lead to one configuration, and local is always on."""
    named = LoggingConfig(trackers=["local", "WandB"])
    assert named.trackers == ("wandb",)
    assert named == LoggingConfig(wandb=WandbConfig(enabled=True))


def test_a_bare_null_in_the_list_of_trackers_is_the_one_of_that_name():
    """YAML, and with it the command line, reads ``logging.trackers=[null]`` as a list of nothing."""
    assert LoggingConfig(trackers=[None]).trackers == LoggingConfig(trackers=["null"]).trackers == ("null",)
    assert load_config(["logging.trackers=[memory,null]"]).logging.trackers == ("memory", "null")
    with pytest.raises(ConfigError, match="must be a list, got None"):
        load_config(["logging.trackers=null"])


def test_to_whom_a_run_is_sent_does_not_change_its_hash():
    """Two runs that record the same have one hash, wherever they are shown besides."""
    sent = {"logging": {"trackers": ["mlflow"], "mlflow": {"experiment": "a"}, "upload_bytes": 0}}
    assert Config.from_dict(sent).hash == Config().hash
    assert Config.from_dict({"logging": {"format": "json"}}).hash != Config().hash
