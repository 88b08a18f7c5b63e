"""From the name of a format, or VILLASnode's `format` mapping, to a codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from pytest_villas.errors import ConfigError, EncodeError, NotThereYet, nearest
from pytest_villas.formats import (
    column,
    iotagent_ul,
    json,
    json_edgeflex,
    json_kafka,
    json_reserve,
    opal_asyncip,
    protobuf,
    raw,
    value,
    villas_binary,
    villas_human,
)
from pytest_villas.formats.codec import Codec
from pytest_villas.formats.messages import Messages
from pytest_villas.samples import Samples, Signal, SignalSpec, signals_of

Factory: TypeAlias = Callable[[tuple[Signal, ...], Mapping[str, Any]], Codec]
"""Builds a codec from signals and options; ConfigError for an option that it does not know."""

_FACTORIES: dict[str, Factory] = {
    name: partial(make, name)
    for name, make in {
        "csv": column.make,
        "gtnet": raw.make,
        "iotagent_ul": iotagent_ul.make,
        "json": json.make,
        "json.edgeflex": json_edgeflex.make,
        "json.kafka": json_kafka.make,
        "json.reserve": json_reserve.make,
        "opal.asyncip": opal_asyncip.make,
        "protobuf": protobuf.make,
        "raw": raw.make,
        "tsv": column.make,
        "value": value.make,
        "villas.binary": villas_binary.make,
        "villas.human": villas_human.make,
        "villas.web": villas_binary.make,
    }.items()
}


def codec(format: str | Mapping[str, Any] = "json", signals: SignalSpec = None) -> Codec:  # noqa: A002 (VILLASnode's word)
    """Build a codec.

    Args:
        format: a name, or VILLASnode's mapping ``{"type": "json", ...options}``.
        signals: any spelling of VILLASnode's `signals` setting; 64 floats where it is left out.

    Raises:
        ConfigError: for an unknown format or option (it names the nearest right one), a wrong value, or signals of a
            type that the format cannot say; NotThereYet for the format, as it may still be registered.
        SignalError: for a wrong `signals` setting.
    """
    name, options = read_format(format)
    if name not in _FACTORIES:
        raise NotThereYet(f"format {name!r}: unknown{nearest(name, _FACTORIES)}")
    return _FACTORIES[name](signals_of(signals), options)


def read_format(setting: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a `format` setting into the name and the options."""
    if isinstance(setting, str):
        return setting, {}
    given: object = setting  # it comes from a file, whatever its annotation says
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise ConfigError(f'format {setting!r}: it has to be a name, or a group such as {{ type = "json" }}')
    return given["type"], {key: option for key, option in given.items() if key != "type"}


def names() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(_FACTORIES))


def register(name: str, factory: Factory) -> None:
    """Add a format under a name of its own; ConfigError where the name is taken.

    For codecs that travel to another process, `factory` gives picklable objects.
    """
    if name in _FACTORIES:
        raise ConfigError(f"format {name!r} exists already")
    _FACTORIES[name] = factory


def resolution(*codecs: Codec) -> int:
    """Return to how many ns stamps are cut off that pass through all of these; codecs need not say it, 0 is for none."""
    return max(int(getattr(codec, "resolution", 0)) for codec in codecs)


def messages(codec: Codec, samples: Samples, *, per_message: int = 1, max_bytes: int = 1500) -> Messages:
    """Write messages that a real VILLASnode can take: it cuts off what is longer than 1500 bytes.

    Raises EncodeError before anything is returned, with the size and what would fit.
    """
    payloads = Messages.of(codec.encode_many(samples, per_message))
    sizes = payloads.sizes
    if sizes.max(initial=0) <= max_bytes:
        return payloads
    worst = int(sizes.argmax())
    part = samples[worst * per_message : (worst + 1) * per_message]
    raise EncodeError(
        f"{codec.name}: message {worst} has {sizes[worst]} bytes and the receiver takes {max_bytes}: "
        f"{_fitting_signals(codec, part, max_bytes)} of {len(codec.signals)} signals would fit"
        + (f", or {_fitting_samples(codec, part, max_bytes)} of {len(part)} samples a message" if len(part) > 1 else "")
    )


def _fitting_signals(codec: Codec, part: Samples, max_bytes: int) -> int:
    """Count how many leading signals would fit, by writing the samples as if they carried no more."""

    def fits(count: int) -> bool:
        shorter = part.replace(length=part.length.clip(max=count))
        try:
            return len(codec.encode(shorter)) <= max_bytes
        except EncodeError:  # a format that has no shorter samples
            return False

    return _largest(len(codec.signals), fits)


def _fitting_samples(codec: Codec, part: Samples, max_bytes: int) -> int:
    return _largest(len(part), lambda count: len(codec.encode(part[:count])) <= max_bytes)


def _largest(limit: int, fits: Callable[[int], bool]) -> int:
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
