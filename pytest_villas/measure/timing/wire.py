"""What of a latency the wire takes, where it is known how long a message is on it, and what is left for the rig."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.timing.clock import difference
from pytest_villas.measure.timing.distribution import Distribution
from pytest_villas.samples import NO_TIME, Int64s


@dataclass(frozen=True, slots=True)
class WireSplit:
    """The time from sending to the answer of what was answered, in its parts; in the order of sending.

    Where one way is over a network, which does not say how long it takes, that part is empty and counts with the rig.

    Attributes:
        stimulus: until the last bit of the stimulus was on the wire, its wait for what was sent before it included.
        response: as long as the response was on the wire.
        rig: the rest: what the rig took, with what drivers and adapters add.
        line: what makes the times of the wire, for people.
    """

    stimulus: Distribution
    response: Distribution
    rig: Distribution
    line: str


def wire_split(sent: Int64s, received: Int64s, out: Int64s | None, back: Int64s | None, *, line: str, span: int = 0) -> WireSplit:
    """Split the time from sending to the answer.

    Where most answers come sooner than the line could carry them, it does not keep the time of its baud rate, as USB CDC
    does not: then what is left for the rig is INVALID.

    Args:
        sent: when each sample was, int64 ns, shape (n,); `NO_TIME` where it was not.
        received: when its answer was, ns, shape (n,); `NO_TIME` where there was none.
        out: until the stimulus was on the wire, ns, shape (n,); `NO_TIME` where that is not known, None where it never is.
        back: as long as the response was on the wire, ns, shape (n,); `NO_TIME` and None as above.
        line: what makes the times of the wire, for people.
        span: for how long samples were sent, ns.
    """
    known = (sent != NO_TIME) & (received != NO_TIME)
    for way in (out, back):
        known &= way is None or way != NO_TIME
    there, home = _of(out, known), _of(back, known)
    rest = difference(received[known], sent[known])
    for way in (there, home):
        rest = rest - way if way.size else rest
    impossible = ""
    if rest.size and np.median(rest) < 0:
        impossible = f"answers come sooner than {line} could carry them: the port does not keep the time of its baud rate"
    return WireSplit(
        stimulus=Distribution(what="wire of the stimulus", values=there, span=span),
        response=Distribution(what="wire of the response", values=home, span=span),
        rig=Distribution(what="latency of the rig", values=rest, span=span, invalid=impossible),
        line=line,
    )


def _of(way: Int64s | None, known: npt.NDArray[np.bool_]) -> Int64s:
    return np.empty(0, np.int64) if way is None else way[known]
