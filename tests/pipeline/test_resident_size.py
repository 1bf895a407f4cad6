"""What the pipeline holds in memory does not grow with what went through it."""

from __future__ import annotations

from pathlib import Path

import pytest
from child import Child

SOAK = """
import numpy as np
from chunks import Recording, layout_of
from jaxarc.records.chunk import Chunk
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_TERMINATED

ENVS, STEPS = 100, 100
flags = np.full((1, ENVS, STEPS), FLAG_ACTIVE, np.int32)
# Episodes of 40 steps on average, most of which go over the border of a chunk.
for env in range(ENVS):
    flags[0, env, (np.arange(2) * 47 + env * 7) % STEPS] |= FLAG_TERMINATED
plain = np.zeros((1, ENVS, STEPS), np.float32)
one = Recording(flags, plain, plain, np.zeros((1, ENVS, STEPS), np.int32), np.ones((1, STEPS), bool))
one.layout = layout_of(next_observation=True)
model = one.chunk(0, STEPS, list(range(ENVS)))
octets, words = model._octets, np.concatenate([model._scalars, model._words])

def resident():
    # The most that ever was: what is resident at one moment depends on what the allocator gave back.
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

recorder = Recorder(config(ROOT, pipeline={"flush_interval": 1.0, "queue_bytes": 16_000_000}))
sizes = []
for number in range(1, CHUNKS + 1):
    chunk = Chunk(model.layout, model.header, model.lanes.copy(), octets.copy(), words.copy(), time.time())
    recorder._accept(chunk)
    if number * ENVS * STEPS % 500_000 == 0:
        assert recorder.flush()
        sizes.append(resident())
health = recorder.health()
recorder.close()
assert health.accepted_steps == CHUNKS * ENVS * STEPS
assert health.dropped_steps == 0
say(*sizes)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="ru_maxrss is in kilobytes on Linux alone")
def test_ten_million_steps_leave_the_resident_size_where_two_million_put_it(run_root: Path):
    """The most that was resident by then is within 5 % the most that ever is."""
    child = Child(run_root, "CHUNKS = 1_000\n" + SOAK)
    sizes = [int(size) for size in child.heard().split()]
    code, errors = child.ended()
    assert code == 0, errors
    assert len(sizes) == 20
    assert max(sizes[4:]) <= 1.05 * max(sizes[:4]), sizes
