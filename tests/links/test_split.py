"""Two links as one: it sends over the one, hears the other, and says of each way what it lost and how long it took."""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cable import Cable
from parts import free_port

from pytest_villas.errors import LinkError, LinkTimeout
from pytest_villas.links import Link, NanomsgLink, SerialLine, SerialLink, SpLink, SplitLink, Stamp, looped
from pytest_villas.links.framing import Cobs, Line
from pytest_villas.testing import LinkContract, Wire, meet, opened, take
from pytest_villas.units import ms, s

ENGINES = {"sp": SpLink, "nng": NanomsgLink}


@dataclass
class Ways:
    """A nanomsg address and a cable: the one goes from us to the rig, the other back, or the other way round."""

    engine: type[SpLink | NanomsgLink]
    address: str
    cable: Cable

    def serial(self, end: int) -> SerialLink:
        return SerialLink(SerialLine(str(self.cable.ends[end])), Cobs(), Cobs())

    def out_over_nanomsg(self) -> tuple[SplitLink, SplitLink]:
        """Return our link and the rig's: each sends where the other hears."""
        ours = SplitLink(self.engine([self.address], []), self.serial(0))
        return ours, SplitLink(self.serial(1), self.engine([], [self.address]))

    def out_over_serial(self) -> tuple[SplitLink, SplitLink]:
        theirs, ours = self.out_over_nanomsg()
        return ours, theirs


@pytest.fixture(params=ENGINES)
def ways(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ways]:
    with Cable(tmp_path) as cable:
        yield Ways(ENGINES[request.param], f"tcp://127.0.0.1:{free_port()}", cable)


class TestOutOverNanomsg(LinkContract):
    @pytest.fixture
    def wire(self, ways: Ways) -> Wire:
        return Wire(ways.address, lambda: ways.out_over_nanomsg()[0], lambda: ways.out_over_nanomsg()[1])


class TestOutOverSerial(LinkContract):
    @pytest.fixture
    def wire(self, ways: Ways) -> Wire:
        port = str(ways.cable.ends[1])
        return Wire(port, lambda: ways.out_over_serial()[0], lambda: ways.out_over_serial()[1], knows_peers=False)


def connected(ours: Link, theirs: Link) -> Iterator[tuple[Link, Link]]:
    with opened(ours, theirs):
        meet(ours, theirs)
        yield ours, theirs


@pytest.fixture(params=["nanomsg", "serial"])
def pair(request: pytest.FixtureRequest, ways: Ways) -> Iterator[tuple[Link, Link]]:
    yield from connected(*(ways.out_over_nanomsg() if request.param == "nanomsg" else ways.out_over_serial()))


def test_what_goes_out_over_one_end_comes_back_over_the_other(pair: tuple[Link, Link]) -> None:
    ours, rig = pair
    for i in range(100):
        ours.send(b"there %d" % i)
        assert take(rig, 1, ours) == [b"there %d" % i]
        rig.send(b"back %d" % i)
        assert take(ours, 1, rig) == [b"back %d" % i]


def test_what_the_stimulus_end_sends_back_is_dropped_and_counted_and_wakes_nobody_for_ever(ways: Ways) -> None:
    out, into = ways.serial(0), ways.engine([], [ways.address])
    publisher, device = ways.engine([ways.address], []), ways.serial(1)
    ours = SplitLink(out, into)
    with opened(ours, publisher, device):
        meet(ours, publisher)
        for i in range(500):
            device.send(b"chatter %d" % i)
        publisher.send(b"answer")
        end = time.monotonic_ns() + 5 * s
        got: list[bytes] = []
        while time.monotonic_ns() < end and (not got or ours.wire_faults()["unasked"] < 500):
            device.receive()
            publisher.receive()
            got += take(ours, 1, within=5 * ms)
        assert got == [b"answer"]
        assert ours.wire_faults()["unasked"] == 500
        assert not select.select([ours.fileno()], (), (), 0.1)[0]


def test_a_flood_at_the_stimulus_end_does_not_keep_a_response_from_being_read(ways: Ways) -> None:
    ours = SplitLink(ways.serial(0), ways.engine([], [ways.address]))
    publisher, device = ways.engine([ways.address], []), ways.serial(1)
    with opened(ours, publisher, device):
        meet(ours, publisher)
        for _ in range(5000):
            device.send(b"x" * 40)
        publisher.send(b"answer")
        for _ in range(200):
            publisher.receive()
            device.receive()
            if (message := ours.receive()) is not None:
                break
            select.select([ours.fileno()], (), (), 0.05)
        assert message is not None
        assert message[1] == b"answer"
        assert ours.wire_faults()["unasked"] < 5000


def test_losses_are_those_of_what_is_sent_over_the_one_and_read_over_the_other(ways: Ways) -> None:
    nobody_reads = SplitLink(ways.serial(0), ways.engine([], [ways.address]))
    with opened(ways.serial(1), nobody_reads):
        for _ in range(3000):
            nobody_reads.send(b"x" * 200)
        assert nobody_reads.losses().send_queue > 0
        assert nobody_reads.losses().receive_queue == 0


def test_the_wire_is_known_of_the_serial_end_alone(ways: Ways) -> None:
    messages = [b"x" * 10, b"x" * 100]
    one_byte = 10 * s // 115_200
    out, back = (
        ways.out_over_nanomsg()[0].wire_times(messages, messages),
        ways.out_over_serial()[0].wire_times(messages, messages),
    )
    assert out is not None
    assert back is not None
    assert list(out.sent) == []
    assert [time // one_byte for time in out.received] == [12, 102]
    assert list(back.received) == []
    assert list(back.sent) == list(out.received)
    assert (out.line, back.line) == ("115200 baud 8N1 back", "115200 baud 8N1 there")
    assert SplitLink(ways.engine(), ways.engine()).wire_times(messages, messages) is None


def test_each_end_has_a_framing_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    with Cable(tmp_path) as there, Cable(tmp_path / "back") as back:
        lines = [SerialLine(str(end)) for end in (*there.ends, *back.ends)]
        ours = SplitLink(SerialLink(lines[0], Cobs(), Cobs()), SerialLink(lines[2], Line(), Line()))
        rig = SplitLink(SerialLink(lines[3], Line(), Line()), SerialLink(lines[1], Cobs(), Cobs()))
        with opened(ours, rig):
            ours.send(b"\n\0\n")
            assert take(rig, 1, ours) == [b"\n\0\n"]
            rig.send(b"a line\n")
            assert take(ours, 1, rig) == [b"a line\n"]


def heard_until_it_breaks(link: Link) -> tuple[list[bytes], str]:
    """Return what came before the link said that it broke, and what it said."""
    got: list[bytes] = []
    for _ in range(100):
        select.select([link.fileno()], (), (), 0.1)
        try:
            message = link.receive()
        except LinkError as error:
            return got, str(error)
        got += [] if message is None else [message[1]]
    return got, ""


def test_a_port_that_goes_away_is_told_whichever_end_it_is(pair: tuple[Link, Link], ways: Ways) -> None:
    ours, _ = pair
    ways.cable.unplug()
    assert "went away while it was in use" in heard_until_it_breaks(ours)[1]
    assert ours.wire_faults()["gone"] == 1


def test_what_had_come_before_the_stimulus_end_went_away_is_not_lost(ways: Ways) -> None:
    ours, rig = ways.out_over_serial()
    with opened(ours, rig):
        meet(ours, rig)
        rig.send(b"last")
        while not select.select([ours.fileno()], (), (), 0.1)[0]:
            rig.receive()
        ways.cable.unplug()
        got, why = heard_until_it_breaks(ours)
        assert got == [b"last"]
        assert "went away while it was in use" in why


def test_waiting_is_bounded_by_the_time_for_both_ends_and_says_which_lacks_a_peer(ways: Ways) -> None:
    nowhere = f"tcp://127.0.0.1:{free_port()}"
    with opened(link := SplitLink(ways.engine([ways.address], []), ways.engine([], [nowhere]))):
        with pytest.raises(LinkTimeout, match=rf"the stimulus end: nobody subscribed to {ways.address} within 20 ms"):
            link.wait_connected(20 * ms)
        with opened(peer := ways.engine([], [ways.address])):
            for _ in range(100):
                peer.receive()
                with pytest.raises(LinkTimeout) as caught:
                    link.wait_connected(20 * ms)
                if "response" in str(caught.value):
                    break
            assert re.search(rf"the response end: 0 of 1 publishers answered: {nowhere}", str(caught.value))


def test_where_the_second_end_cannot_be_opened_the_first_is_given_back(ways: Ways) -> None:
    missing = SerialLink(SerialLine("/dev/ttyNOWHERE"), Cobs(), Cobs())
    with pytest.raises(LinkError, match="/dev/ttyNOWHERE: no such port"):
        SplitLink(ways.engine([ways.address], []), missing).open()
    with opened(ways.engine([ways.address], [])):
        pass


def test_arrivals_are_stamped_as_the_response_end_does() -> None:
    tcp, ipc = SpLink([], ["tcp://127.0.0.1:1"]), SpLink(["ipc:///nowhere"], [])
    assert SplitLink(ipc, tcp).stamp is Stamp.KERNEL
    assert SplitLink(tcp, ipc).stamp is Stamp.USER


def test_two_ends_of_one_engine_have_a_floor_and_others_say_why_not(ways: Ways, tmp_path: Path) -> None:
    one, other = ways.engine(["tcp://*:1"], []), ways.engine([], ["tcp://10.0.0.7:2"])
    with looped(SplitLink(one, other), tmp_path, 8) as (link, _), opened(link):
        link.wait_connected(5 * s)
        link.send(b"echo")
        assert take(link, 1) == [b"echo"]
    kind = ways.engine.__name__
    why = f"the stimulus goes over a SerialLink and the response over a {kind}, and what goes"
    with pytest.raises(LinkError, match=why), looped(ways.out_over_serial()[0], tmp_path, 8):
        pass
