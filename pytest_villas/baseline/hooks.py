"""The hooks of `--villas-baseline`; pytest is told of them only where the option is given."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_villas.baseline.keeper import Keeper, declared_of
from pytest_villas.errors import ConfigError
from pytest_villas.report.recorder import Recorder, case_of

_OUTPUT = "villas_stale"


@dataclass(eq=False)  # pluggy puts plugins into sets
class BaselineHooks:
    """Saves or compares the runs of each test that has a baseline, as the last thing that the test does."""

    keeper: Keeper
    recorder: Recorder
    rigs: Sequence[str]
    _deselected: list[pytest.Item] = field(default_factory=list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse marks that cannot be, before anything runs."""
        from pytest_villas.baseline.compare import margins_of  # noqa: PLC0415 - it brings SciPy

        for item in items:
            try:
                margins_of(declared_of(item) or {})
            except ConfigError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from None

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Fail the test itself where its runs are worse than its baseline."""
        declared, log = declared_of(pyfuncitem), self.recorder.log
        if declared is None or log is None:
            return (yield)
        try:
            self.keeper.check(log)
        except ConfigError as error:
            pytest.fail(str(error), pytrace=False)
        try:
            result = yield
        except BaseException:
            if self.keeper.mode == "save":
                log.problems.append("no baseline was saved, for the test did not pass")
            raise
        try:
            self.keeper.finish(log, declared, self.recorder.environment)
        except ConfigError as error:
            pytest.fail(str(error), pytrace=False)
        return result

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Remember that these tests are there."""
        self._deselected += items

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look for baselines without a test."""
        items = [*session.items, *self._deselected]
        kept = [item for item in items if declared_of(item) is not None]
        cases = {case_of(item.nodeid, rig) for item in kept for rig in self.rigs}
        modules = {item.nodeid.partition("::")[0] for item in items}
        self.keeper.look_for_stale(self.rigs, cases, modules, session.config.rootpath)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the process that reports what was found here."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = self.keeper.stale

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ARG002 - the hook of pytest-xdist has it
        """Take what another process found."""
        found = getattr(node, "workeroutput", {}).get(_OUTPUT, [])
        self.keeper.stale += [line for line in found if line not in self.keeper.stale]
