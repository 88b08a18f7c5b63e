"""The tests that the pages show, each block a file as it stands there: loopback is the rig."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README", "docs/baselines", "docs/stimuli"]


def test_the_tests_on_the_pages_run(pytester: pytest.Pytester) -> None:
    shown = {
        f"test_{page.replace('/', '_')}_{number}": block
        for page in PAGES
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / f"{page}.md").read_text(), re.DOTALL))
        if "def test_" in block
    }
    pytester.makepyfile(**shown)
    result = pytester.runpytest_subprocess("--rig=loopback")
    assert result.ret in {0, 11}, "11 on a machine that is too busy for a limit on time"
    counts = result.parseoutcomes()
    assert counts["passed"] + counts.get("failed", 0) == sum(block.count("def test_") for block in shown.values()) >= 6
