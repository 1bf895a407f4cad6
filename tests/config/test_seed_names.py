"""docs/seed_names.md accounts for every field of the seed's config classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxarc.config import Config
from jaxarc.config.overrides import default_values

PAGE = Path(__file__).parents[2] / "docs" / "seed_names.md"

SEED = {
    "EpisodeConfig": "base_output_dir run_name episode_dir_format step_file_format max_episodes_per_run"
    " cleanup_policy max_storage_gb",
    "AsyncLoggerConfig": "queue_size worker_threads batch_size flush_interval enable_compression",
    "WandbConfig": "enabled project_name entity tags log_frequency image_format max_image_size log_gradients"
    " log_model_topology",
    "VisualizationConfig": "debug_level output_formats image_quality show_coordinates show_operation_names"
    " highlight_changes include_metrics color_scheme",
    "DebugConfig": "level output_dir formats max_episodes cleanup_policy max_storage_gb async_logging"
    " queue_size show_coordinates show_operation_names highlight_changes color_scheme wandb",
    "LoggingConfig": "structured_logging log_format compression include_full_states log_level",
}


def chapter(name: str) -> str:
    """Return the part of the page that is about one class."""
    parts = PAGE.read_text().split("\n## ")
    [found] = [part for part in parts if part.split()[0] == name]
    return found


@pytest.mark.parametrize("name", SEED)
def test_every_seed_field_is_accounted_for(name: str):
    """The class's chapter has a row for each of its fields."""
    text = chapter(name)
    assert not [field for field in SEED[name].split() if f"`{field}`" not in text]


def test_every_key_the_page_sends_readers_to_exists():
    """A key named on the page is a key of the configuration."""
    groups = tuple(f"`{group}." for group in Config().to_dict())
    words = [word.strip("`.,:;|()") for word in PAGE.read_text().split() if word.startswith(groups)]
    assert words
    known = default_values()
    assert not [word for word in words if word.partition("=")[0].removesuffix(".*") not in known]
