"""What a test asks for: `rig`, `villas_node`, `recording`, `limits`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_villas.baseline.keeper import Handle, Keeper
from pytest_villas.errors import RigError
from pytest_villas.limits import merge
from pytest_villas.report.terminal import Progress
from pytest_villas.session import SESSION, Session
from pytest_villas.units import duration

if TYPE_CHECKING:  # a session that uses none of the fixtures does not pay for NumPy and SciPy
    from pytest_villas.config import Node
    from pytest_villas.links.node import VillasNode
    from pytest_villas.report.log import TestLog
    from pytest_villas.rig.bench import Rig
    from pytest_villas.rig.rig import RigProcess
    from pytest_villas.samples import Samples

KEEPER = pytest.StashKey[Keeper]()


@pytest.fixture(scope="session")
def rig_process(request: pytest.FixtureRequest) -> Iterator[RigProcess | RigError]:
    """The rig of this part of the session, started once, or why it could not be; tests use `rig`."""
    session = request.config.stash[SESSION]
    if not hasattr(request, "param"):
        pytest.skip(f"needs a rig: --rig=NAME, one of {', '.join(session.registry.names())}")
    try:
        process = session.open(request.param)
    except RigError as error:
        yield error
        return
    yield process
    session.close(request.param)


@pytest.fixture
def rig(request: pytest.FixtureRequest, rig_process: RigProcess | RigError, limits: dict[str, Any]) -> Iterator[Rig]:
    """The rig that `--rig` named: `rig.replay(stimulus)` gives a `Run`.

    With several `--rig` the test runs once for each. Without one, or with one that lacks what `@pytest.mark.needs` asks
    for, it is skipped; so are the tests after the one in which the rig broke.
    """
    session = request.config.stash[SESSION]
    name = request.node.callspec.params["rig_process"]
    file, path = session.registry.load(name), session.registry.path(name)
    scheduling = "" if isinstance(rig_process, RigError) else rig_process.scheduling
    with session.recorder.recording(request.node, name, file, path, scheduling) as log:
        yield from _rig(request, session, rig_process, limits, log)


def _rig(
    request: pytest.FixtureRequest,
    session: Session,
    rig_process: RigProcess | RigError,
    limits: dict[str, Any],
    log: TestLog,
) -> Iterator[Rig]:
    from pytest_villas.rig.bench import Rig, as_it_came

    if isinstance(rig_process, RigError):
        if rig_process in session.told:
            pytest.skip(f"the rig broke earlier: {str(rig_process).splitlines()[0]}")
        session.told.append(rig_process)
        raise rig_process
    if rig_process.broken:
        pytest.skip(f"the rig broke earlier: {rig_process.broken.splitlines()[0]}")
    for mark in request.node.iter_markers("needs"):
        lacking = set(mark.args) - rig_process.provides
        if lacking:
            pytest.skip(f"rig {rig_process.name!r} does not provide {', '.join(sorted(lacking))}")

    log.logs = rig_process.folder
    match, impairment = rig_process.file.match, session.impairment
    one_for_one = match.tag is None and match.by != "waveform"
    late_after = duration(match.late_after) if one_for_one else None
    progress = Progress(request.config, request.node.name, session.recorder.event, late_after)
    about = {"test": request.node.nodeid} | ({"impaired": str(impairment)} if impairment else {})
    yield Rig(
        rig_process,
        limits,
        new_folder=lambda: session.new_folder(request.node.name),
        record=log.ran,
        progress=progress,
        impair=impairment.keeping(match.tag, match.step, *match.history) if impairment else as_it_came,
        about=about,
    )
    progress.end()


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the runs of this test have to keep: the rig file's limits, and nearer ones of `@pytest.mark.limits`."""
    merged: dict[str, Any] = {}
    if "rig_process" in request.fixturenames:
        process = request.getfixturevalue("rig_process")
        merged = {} if isinstance(process, RigError) else dict(process.file.limits)
    for mark in reversed(list(request.node.iter_markers("limits"))):
        merged = merge(merged, mark.kwargs)
    return merged


@pytest.fixture
def baseline(pytestconfig: pytest.Config) -> Handle:
    """Give the test a baseline, as `@pytest.mark.baseline` does, and say in `baseline.runs` how many runs it should make.

    That is 5 with `--villas-baseline=save`, 8 with `--villas-baseline=compare`, else 1.
    """
    return pytestconfig.stash[KEEPER].handle


@pytest.fixture
def recording(pytestconfig: pytest.Config) -> Callable[[str], Samples]:
    """Open a recording by its name: `recording("fault")`, or with its suffix `recording("fault.csv")`.

    It is looked for in `fixtures/recordings/` of the project, then in what is shipped.
    """
    from pytest_villas import recordings
    from pytest_villas.rig.registry import find_recording

    return lambda name: recordings.open(find_recording(name, pytestconfig.rootpath))


@pytest.fixture
def villas_node(pytestconfig: pytest.Config) -> Iterator[Callable[..., VillasNode]]:
    """Spin up a nanomsg node from a VILLASnode config: `villas_node("nanomsg.conf", "nanomsg_node")`.

    The config is a path, or a file in `fixtures/` of the project or of those that are shipped. Nodes that talk to each
    other, or a node to itself, are connected when the call returns. With `move=True` the ports, socket files and inproc
    names of the config are replaced by free ones, the same for all nodes of the test that come from one config, so that
    tests can run side by side. All nodes are closed at the end of the test.

    With `--villas-node=PATH` each node runs in a real `villas-node` process of its own, which writes a log and its config to
    `.villas/runs/`. See docs/villas-node.md for what is different then.
    """
    from pytest_villas.links.bench import NodeBench
    from pytest_villas.links.node import VillasNode
    from pytest_villas.rig.registry import find_fixture
    from pytest_villas.rig.villas_process import spin

    session = pytestconfig.stash[SESSION]
    program = session.villas_node

    def remark(text: str) -> None:
        if text not in session.recorder.problems:
            session.recorder.problems.append(text)

    def process(node: Node) -> VillasNode:
        assert program is not None
        return spin(program, node, session.new_folder(f"{node.name}-villas-node"), remark)

    engine = VillasNode if program is None else process
    with NodeBench(lambda name: find_fixture(name, pytestconfig.rootpath), engine) as bench:
        yield bench.open
