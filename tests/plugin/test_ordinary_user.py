"""Who may neither have real-time scheduling nor lock memory has rigs all the same, and is told what was not allowed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import parts
import pytest

TEST = """
    from pytest_villas import generate

    def test_it(rig):
        assert rig.replay(generate.three_phase(rate=500, duration=0.7)).delivery.sent == 350
"""


@pytest.mark.parametrize("name", ["loopback", "sim"])
def test_a_session_without_privileges_works_and_says_what_it_has(pytester: pytest.Pytester, name: str) -> None:
    pytester.makepyfile(TEST)
    command = [sys.executable, "-m", "pytest", f"--rig={name}", "-p", "no:cacheprovider"]
    command = [parts.program("prlimit", "util-linux"), "--rtprio=0", f"--memlock={resource.getpagesize()}", *command]
    if os.geteuid() == 0:  # a user that is somebody else, and may read what root has
        ordinary = [parts.program("unshare", "util-linux"), "--user", "--map-user=1000", "--map-group=1000"]
        if subprocess.run([*ordinary, "true"], check=False).returncode:
            pytest.skip("needs user namespaces")
        command = [*ordinary, *command]
    result = pytester.run(*command)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    said = " ".join(result.stdout.str().split())
    assert "ordinary scheduling (Operation not permitted), memory not locked" in said
    if name == "sim":
        log = next(pytester.path.glob(".villas/runs/*sim-log/rig.log")).read_text()
        assert "launch.realtime is set: Operation not permitted" in log
