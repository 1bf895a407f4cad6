"""What ``print(recorder.health())`` says."""

from __future__ import annotations

from jaxarc.pipeline import Health, ReaderLag


def test_a_healthy_run_says_so_in_few_lines():
    """What is zero and nobody misses is left out."""
    health = Health(
        accepted_steps=120_400,
        stored_steps=118_000,
        waiting_steps=2_400,
        episodes=3_010,
        persisted_episodes=3_010,
        kept_episodes=3_010,
        accepted_events=12,
        persisted_events=12,
        accepted_chunks=1_204,
        queue_bytes=200_000,
        queue_bytes_max=12_100_000,
        callback_s=0.12,
        write_s=1.21,
        segments=3,
        segment_bytes=12_100_000,
        readers={"live drawing": ReaderLag(2, 0.4), "wandb": ReaderLag()},
    )
    assert str(health).splitlines() == [
        "nothing lost",
        "  steps     120,400 accepted, 118,000 on disk, 2,400 waiting",
        "  episodes  3,010 ended, 3,010 on disk, 3,010 kept with steps",
        "  events    12 accepted, 12 on disk",
        "  chunks    1,204 accepted",
        "  queue     200.0 kB now, 12.1 MB at most",
        "  time      0.00 s blocked, 0.12 s in callbacks, 1.21 s writing beside the program",
        "  disk      12.1 MB in 3 segments",
        "  reader    live drawing: 2 episodes behind, 0.4 s",
        "  reader    wandb: up to date",
    ]


def test_losses_and_errors_are_said_first_and_by_kind():
    """With their counts and the first traceback."""
    health = Health(
        accepted_steps=30,
        stored_steps=20,
        dropped_steps=10,
        dropped_episodes=1,
        lost_events=2,
        orphaned_chunks=4,
        coerced={"int beyond 32 bits to float": 3},
        errors=3,
        errors_by_kind={"OSError": 2, "ValueError": 1},
        first_error="Traceback (most recent call last):\nOSError: full\n",
        reader_errors=1,
    )
    lines = str(health).splitlines()
    assert lines[0] == "lost: 10 steps dropped, 1 episode without its steps, 2 events"
    assert "  steps     30 accepted, 20 on disk, 10 dropped" in lines
    assert "  chunks    0 accepted, 4 orphaned in this process" in lines
    assert "  coerced   3 values: int beyond 32 bits to float" in lines
    assert lines[-6:] == [
        "  errors    2 OSError",
        "  errors    1 ValueError",
        "  errors    1 in readers",
        "  the first error:",
        "    Traceback (most recent call last):",
        "    OSError: full",
    ]
    assert health.losses == {"dropped_steps": 10, "dropped_episodes": 1, "lost_events": 2}
