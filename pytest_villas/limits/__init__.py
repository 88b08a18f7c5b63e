"""Limits as data: what can be declared, where, how nearer declarations win, and how a run is held against them.

Names and values are checked in sessions that measure nothing: this room imports `measure` only to judge.
"""

from pytest_villas.limits.catalogue import KINDS
from pytest_villas.limits.declared import check, merge
from pytest_villas.limits.judging import judge_all, require_all
from pytest_villas.limits.kind import Kind
from pytest_villas.limits.presets import PRESETS, Preset

__all__ = ["KINDS", "PRESETS", "Kind", "Preset", "check", "judge_all", "merge", "require_all"]
