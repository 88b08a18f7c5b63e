"""What two runs have to share to be compared: how the rig is reached, and what measured it. Not what the rig is: that is tested."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_villas.report.record import Environment, RigRecord


def fingerprint(rig: RigRecord, environment: Environment) -> dict[str, str]:
    """Return the parts by name."""
    versions = environment.packages
    return {
        "rig config": rig.config,
        "link": rig.link,
        "scheduling": rig.scheduling,
        "pytest-villas": versions.get("pytest-villas", ""),
        "pynng": versions.get("pynng", ""),
        "python": environment.python,
        "kernel": environment.kernel,
        "governor": environment.governor,
        "cpu": f"{environment.cpus} x {environment.cpu or environment.machine}",
    }


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Say which parts differ, as in ``kernel was 'Linux 6.1' and is 'Linux 6.8'``."""
    return [
        f"{name} was {_brief(old.get(name, ''))!r} and is {_brief(new.get(name, ''))!r}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _brief(value: str) -> str:
    return value if len(value) <= 60 or " " in value else f"{value[:12]}..."
