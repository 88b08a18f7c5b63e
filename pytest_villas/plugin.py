"""The door to pytest: options and hooks, each of which delegates."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_villas.baseline.hooks import BaselineHooks
from pytest_villas.baseline.keeper import Keeper
from pytest_villas.errors import ConfigError
from pytest_villas.fixtures import KEEPER, baseline, limits, recording, rig, rig_process, villas_node
from pytest_villas.limits import check
from pytest_villas.report import outcome, terminal
from pytest_villas.report.recorder import Recorder
from pytest_villas.report.writers import WRITERS
from pytest_villas.rig.registry import Registry
from pytest_villas.session import SESSION, Session

__all__ = ["baseline", "limits", "recording", "rig", "rig_process", "villas_node"]


class _Reports:
    """Takes what a test did, also from another process: this hook gets no config.

    Attributes:
        failed: the reports of tests that failed or had an error.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.failed: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report)
        self._recorder.take(report)

    @pytest.hookimpl(tryfirst=True)  # before the file is written
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._recorder.describe_suite(session.config.pluginmanager.get_plugins())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group `villas`."""
    group = parser.getgroup("villas", "hardware in the loop")
    group.addoption(
        "--rig", action="append", default=[], metavar="NAME", help="run the tests that use a rig with this one; repeatable"
    )
    group.addoption(
        "--rig-dir", action="append", default=[], type=Path, metavar="DIR", help="look for rig files here first; repeatable"
    )
    group.addoption("--rig-list", action="store_true", help="list the rigs that there are, and exit")
    group.addoption(
        "--rig-wait", default="0 s", metavar="TIME", help="how long to wait for a rig that another session uses, as in '2 min'"
    )
    group.addoption(
        "--villas-impair",
        metavar="SPEC",
        help="impair what comes back, to see whether the tests notice, as in 'loss=1%%+delay=5 ms'; all: villas-rig prove --help",
    )
    group.addoption(
        "--villas-report",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=f"write a report of the runs; its suffix says which: {', '.join(WRITERS)}; repeatable",
    )
    group.addoption("--villas-node", metavar="PATH", help="run the nodes of the fixture villas_node in this villas-node program")
    parser.addini("villas_keep_runs", "how many folders of runs of earlier sessions are kept in .villas/runs", default="50")
    parser.addini("villas_keep_size", "how large they may be together", default="2 GB")
    group.addoption(
        "--villas-baseline",
        choices=("save", "compare"),
        default="",
        help="store what the tests that have a baseline measure, or fail them where they got worse since",
    )
    group.addoption("--villas-baseline-reason", default="", metavar="TEXT", help="why baselines that there are get replaced")
    parser.addini("baseline_dir", "folder of the baselines", default="baselines")
    group.addoption("--rig-twin", action="store_true", help="run the twin that each rig file names, instead of the rig")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options early, and make the state of the session."""
    config.addinivalue_line("markers", "limits(**limits): what the runs of this test have to keep: limits(latency_p99='2 ms')")
    config.addinivalue_line(
        "markers", "baseline(**margins): how much worse than before: baseline(latency_p99='20 %', tube='1 %')"
    )
    config.addinivalue_line("markers", "needs(*what): skip this test with a rig that does not provide all of that")
    option = config.getoption
    try:
        state = Session.of(
            config.rootpath,
            option("--rig"),
            option("--rig-dir"),
            wait=option("--rig-wait"),
            twin=option("--rig-twin"),
            impair=option("--villas-impair"),
            villas_node=option("--villas-node"),
            reports=[config.invocation_params.dir / path for path in option("--villas-report")],
            keep=(config.getini("villas_keep_runs"), config.getini("villas_keep_size")),
            worker=getattr(config, "workerinput", {}).get("workerid", ""),
        )
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    keeper = Keeper(
        config.rootpath / config.getini("baseline_dir"), option("--villas-baseline"), option("--villas-baseline-reason")
    )
    if keeper.mode == "save" and state.impairment:
        raise pytest.UsageError("--villas-baseline=save: what --villas-impair made of a rig is no baseline of it")
    config.stash[SESSION] = state
    config.stash[KEEPER] = keeper
    if keeper.mode:
        config.pluginmanager.register(BaselineHooks(keeper, state.recorder, state.names), "villas-baseline")
    config.pluginmanager.register(_Reports(state.recorder), "villas-reports")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer `--rig-list`."""
    if not config.getoption("--rig-list"):
        return None
    terminal.list_rigs(Registry.of(config.rootpath, config.getoption("--rig-dir")))
    return 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a rig once for each `--rig`."""
    names = metafunc.config.stash[SESSION].names
    if "rig_process" in metafunc.fixturenames and names:
        metafunc.parametrize("rig_process", names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse marks with limits that there are not, before anything runs."""
    for item in items:
        for mark in item.iter_markers("limits"):
            if mark.args:
                raise pytest.UsageError(f"{item.nodeid}: limits are given by name, as in limits(latency_p99='2 ms', loss=0)")
            try:
                check(mark.kwargs)
            except ConfigError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Let no test pass on what nobody knows, as `not (x > y)` would."""
    result = yield
    log = pyfuncitem.config.stash[SESSION].recorder.log
    if log is not None:
        log.check()
    return result


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Explain `assert run.latency.p99 < 2 * ms` by its verdict, and remember what it came to."""
    verdict = outcome.verdict_of(op, left, right)
    if verdict is None:
        return None
    config.stash[SESSION].compared.append(verdict)
    return verdict.lines()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a rig that broke and a measurement that says nothing from a failure of the device."""
    report = yield
    compared = item.config.stash[SESSION].compared
    if report.failed and call.excinfo is not None:
        outcome.mark(report, outcome.classify(call.excinfo.value, compared))
    compared.clear()
    item.config.stash[SESSION].recorder.phase(report, item.config)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show a broken rig and an undecided test as what they are."""
    return outcome.shown(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show every run with its latency, delivery and fidelity, and that it was impaired, if it was."""
    session = config.stash[SESSION]
    terminal.summarise(terminalreporter, session.recorder)
    for line in config.stash[KEEPER].stale:
        terminalreporter.write_line(line, yellow=True)
    if session.impairment:
        terminalreporter.section("impaired", red=True)
        terminalreporter.write_line(f"--villas-impair={session.impairment}: no run of this session speaks for its rig")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Stop the rigs, and say by the exit status whether a rig broke or nothing could be concluded."""
    session.config.stash[SESSION].close()
    reports = session.config.pluginmanager.get_plugin("villas-reports")
    assert isinstance(reports, _Reports)
    session.exitstatus = outcome.exit_status(int(exitstatus), reports.failed)
    session.config.stash[SESSION].recorder.finish(int(session.exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the rigs, also where the session never finished."""
    if SESSION in config.stash:
        config.stash[SESSION].close()
