"""Make docs/report.png: a real run of the rig `sim`, its report, and a picture of that in a browser without a window.

python docs/screenshot.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from report.browser import browser  # noqa: E402 - the driver of the tests

TEST = '''
"""A converter on the bench."""

import pytest

from pytest_villas import Samples, generate, us


@pytest.mark.limits(latency_p50="5 ms", latency_p90="20 ms")
def test_start_of_the_grid(rig):
    run = rig.replay(generate.three_phase(frequency=50, magnitude=325, rate=1000, duration=6))
    run.check()


def test_response_to_a_dip(rig):
    stimulus = generate.three_phase(frequency=50, magnitude=325, rate=1000, duration=4)
    dip = {name: stimulus[name] * (1 - 0.6 * ((t := stimulus.origin - stimulus.origin[0]) > 2e9) * (t < 2.2e9)) for name in ("va", "vb", "vc")}
    run = rig.replay(Samples(dip, origin=stimulus.origin))
    assert run.delivery.lost == 0
    assert run.latency.p90 < 150 * us
    assert run.fidelity["ia"].nrmse < 0.01
'''


def main() -> None:
    """Run, report, picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "converter-bench"
        folder.mkdir()
        (folder / "test_converter.py").write_text(TEST)
        (folder / "pytest.ini").write_text("[pytest]\n")
        command = [sys.executable, "-m", "pytest", "-q", "--rig=sim", "--villas-report=report.html", "-p", "no:cacheprovider"]
        subprocess.run(command, cwd=folder, check=False)
        with browser() as page:
            page.show(folder / "report.html", width=1280, height=1560)
            page.wait("document.querySelector('[data-chart=tails] .main-svg')")
            page.picture(HERE / "report.png", whole=False)


if __name__ == "__main__":
    main()
