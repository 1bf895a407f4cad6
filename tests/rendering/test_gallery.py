"""Every drawing, in every palette, light and dark: it looks as it did, is valid, and nothing overlaps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import overlaps
import pytest
import svg_rules
from gallery import GALLERY

from jaxarc.rendering import PALETTES, Style
from jaxarc.rendering.palette import THEMES

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
STYLES = {f"{palette}-{theme}": Style(palette, theme) for palette in PALETTES for theme in THEMES}
PLAIN = "default-light"
PINNED = [PLAIN, *(name for name in STYLES if name.endswith("-light") and name != PLAIN), "default-dark"]
"""Every palette on light, and the one that most people use on dark; the other two differ in nothing else."""


@pytest.mark.parametrize("name", GALLERY)
def test_a_drawing_looks_as_it_did(name, golden):
    """Each palette and theme gives the bytes of its golden file; one that changes nothing has none."""
    plain = GALLERY[name](STYLES[PLAIN])
    golden(f"{name}/{PLAIN}.svg", plain)
    for style in PINNED[1:]:
        svg = GALLERY[name](STYLES[style])
        golden(f"{name}/{style}.svg", None if svg == plain else svg)


@pytest.mark.parametrize("name", GALLERY)
def test_a_drawing_holds_what_it_may_and_nothing_else(name):
    """Strictly parsed, it has only allowed elements and attributes, and no two ids for different content."""
    for style, look in STYLES.items():
        assert svg_rules.violations(GALLERY[name](look)) == [], style


@pytest.mark.parametrize("name", GALLERY)
def test_in_a_drawing_nothing_overlaps_and_nothing_is_cut(name):
    """Texts keep clear of each other and of boards, and everything lies inside the picture."""
    assert overlaps.problems(GALLERY[name](STYLES[PLAIN])) == []


def test_another_process_with_another_hash_seed_draws_the_same_bytes():
    """Nothing depends on the order of a set, an address or what was drawn before."""
    program = (
        "import hashlib\nfrom gallery import GALLERY\nfrom jaxarc.rendering import Style\n"
        "for name in reversed(GALLERY):\n"
        "    print(name, hashlib.sha256(GALLERY[name](Style()).encode()).hexdigest())"
    )
    path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    seen = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout.splitlines()
    here = [
        f"{name} {hashlib.sha256(GALLERY[name](Style()).encode()).hexdigest()}" for name in reversed(GALLERY)
    ]
    assert seen == here


def test_no_golden_file_is_left_of_a_drawing_that_is_gone(request):
    """Each file belongs to a drawing and a style; ``--update-golden`` removes the others."""
    ours = {f"{name}/{style}.svg" for name in GALLERY for style in PINNED}
    left = [path for path in GOLDEN.rglob("*.svg") if path.relative_to(GOLDEN).as_posix() not in ours]
    if request.config.getoption("--update-golden", default=False):
        for path in left:
            path.unlink()
        left = []
    assert left == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            '<text x="10" y="20" font-size="12">one</text><text x="20" y="24" font-size="12">two</text>',
            "hits",
        ),
        ('<text x="180" y="20" font-size="12">far too long</text>', "leaves the picture"),
        ('<g transform="translate(10 10)"><path d="M0 0h300v10z"/></g>', "leaves the picture"),
        (
            '<g transform="scale(20)"><path d="M0 0h4v4z"/></g><text x="70" y="60" font-size="9">x</text>',
            "hits board",
        ),
    ],
)
def test_the_check_sees_what_is_wrong(body, problem):
    """Two texts in one place, a text or a shape past the edge, a text on a board."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100">{body}</svg>'
    assert any(problem in words for words in overlaps.problems(svg))


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<g onload="alert(1)"/>',
        '<use href="https://example.org/a.svg#b"/>',
        '<image href="javascript:alert(1)"/>',
        "<foreignObject/>",
        '<g style="fill:url(https://example.org)"/>',
        '<rect fill="url(https://example.org)"/>',
        '<path d="Mnan 0"/>',
        '<path id="a" d="M0 0"/><path id="a" d="M1 0"/>',
        '<use href="#gone"/>',
    ],
)
def test_the_rules_refuse_what_runs_fetches_or_is_broken(body):
    """Each of these is found."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{body}</svg>'
    assert svg_rules.violations(svg)
