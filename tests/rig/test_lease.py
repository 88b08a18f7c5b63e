"""Who may use a rig: every user of the machine, one at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_villas.errors import RigError
from pytest_villas.rig.lease import Lease

_AS_USER = """
import os, sys, tempfile
from pytest_villas.rig.lease import Lease
os.umask(0o077)
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
tempfile.tempdir = sys.argv[2]
lease = Lease("lab", 0)
sys.argv[3] == "die" and os._exit(0)
lease.release()
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the temporary folder of this machine elsewhere."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_lock_and_folder_are_for_every_user_whatever_the_umask(machine: Path) -> None:
    before = os.umask(0o077)
    try:
        Lease("lab", 0).release()
    finally:
        os.umask(before)
    assert stat.S_IMODE((machine / "villas-rigs").stat().st_mode) == 0o1777
    assert stat.S_IMODE((machine / "villas-rigs" / "lab.lock").stat().st_mode) == 0o666


def test_one_has_it_and_the_next_one_is_told_who() -> None:
    lease = Lease("lab", 0)
    with pytest.raises(
        RigError, match=rf"rig 'lab' is in use by .*, process {os.getpid()}, since .*; waited 0 ns, see --rig-wait"
    ):
        Lease("lab", 0)
    lease.release()
    Lease("lab", 0).release()


@pytest.mark.parametrize("end", ["release", "die"])
def test_one_user_after_another_has_it(end: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be several users")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # above the folders of pytest, where other users do not get
        Path(folder).chmod(0o1777)
        for user in ("1001", "1002", "1001"):
            subprocess.run([sys.executable, "-c", _AS_USER, user, folder, end], check=True)


def test_a_lock_that_cannot_be_opened_is_an_error_with_its_remedy(machine: Path) -> None:
    (machine / "villas-rigs").write_text("no folder")
    with pytest.raises(RigError, match=r"rig 'lab': its lock .*lab\.lock cannot be had: Not a directory; .* chmod 1777"):
        Lease("lab", 0)
