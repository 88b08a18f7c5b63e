"""What can go wrong, and whose fault it is.

::

    VillasError
    ├── ConfigError            a rig file, a VILLASnode config or a mark says something that cannot be
    │                          (`rigs/lab1.toml: link.baudrat: unknown key, did you mean 'baudrate'?`)
    │   └── NotThereYet        what it names is not there, and may still come: a config that a fixture writes
    ├── SignalError            columns and signals do not fit together (three columns, two signals)
    ├── FormatError
    │   ├── DecodeError        a payload or a recording is not what its format says (line 7: 'abc' is no number)
    │   └── EncodeError        samples that the format or the receiver cannot take (an integer in a float signal)
    ├── LinkError              the wire: an address in use, a port that is not there
    │   └── LinkTimeout        nothing came, or nothing could be sent, within the time given
    ├── RigError               the rig broke: it died, never got ready, or vanished; not a failure of the test
    └── LimitsNotKept          `run.check()`: limits that are broken, or of which nothing can be said (an AssertionError)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class VillasError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(VillasError):
    """A setting that cannot be; the message names file, key, value and remedy."""


class NotThereYet(ConfigError):
    """A format that nobody has registered, or a config file that is not there: code of the project may still bring it."""


class SignalError(VillasError, ValueError):
    """Columns, names or types that do not fit together."""


class FormatError(VillasError, ValueError):
    """Base of what goes wrong between samples and bytes."""


class DecodeError(FormatError):
    """Bytes that are not what their format says."""


class EncodeError(FormatError):
    """Samples that a format cannot say, or that would harm the receiver."""


class LinkError(VillasError, OSError):
    """An endpoint that cannot be opened, bound or written."""


class LinkTimeout(LinkError, TimeoutError):
    """A bounded wait that ended without what was waited for."""


class RigError(VillasError):
    """The rig broke: not a failure of what is tested, but nothing can be said either."""


class LimitsNotKept(VillasError, AssertionError):
    """Not every limit of a run is known to hold; `failed` says whether one is known to be broken."""

    def __init__(self, message: str, *, failed: bool) -> None:
        """Take the verdicts as text."""
        super().__init__(message)
        self.failed = failed


_WORDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


def wanted(error: str) -> str:
    """Return what a value has to be by the words of msgspec; empty where these are about something else.

    >>> wanted("Expected `str | object | null`, got `int`"), wanted("Expected `int` <= 31 - at `$.x`")
    ('text in quotes or a table', 'a whole number, at most 31')
    """
    found = re.match(r"Expected `([^`]*)`(?:, got| ([<>]=?) (\S+))", error)
    if found is None:
        return ""
    kinds = " or ".join(_WORDS[kind] for kind in found[1].split(" | ") if kind in _WORDS)
    return f"{kinds}, {_BOUNDS[found[2]]} {found[3]}" if found[2] else kinds


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` for the one of `known` that begins so, or the closest, else the list of them.

    >>> nearest("buadrate", ["baudrate", "port"]), nearest("seq", ["sequence", "origin"])
    (", did you mean 'baudrate'?", ", did you mean 'sequence'?")
    >>> nearest("zzz", ["b", "a"])
    ', known are: a, b'
    """
    known = sorted(set(known))
    beginning = [each for each in known if name and each.startswith(name)]
    close = beginning if len(beginning) == 1 else difflib.get_close_matches(name, known, n=1)
    if close:
        return f", did you mean {close[0]!r}?"
    return f", known are: {', '.join(known)}" if known else ""
