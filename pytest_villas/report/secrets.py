"""What must not be told: values under keys named password, token or secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

HIDDEN: Final = "***"
_KEY: Final = re.compile(r"password|passwd|token|secret", re.IGNORECASE)
_SHORTEST: Final = 3
"""A secret of one or two letters cannot be taken out of a text without taking the text apart."""


def redacted(value: Any) -> Any:
    """Return tables and lists with `***` for each value under a key that is named like a secret.

    >>> redacted({"user": "me", "api_token": "abc", "nested": [{"password": 1}]})
    {'user': 'me', 'api_token': '***', 'nested': [{'password': '***'}]}
    """
    if isinstance(value, Mapping):
        return {key: HIDDEN if _KEY.search(str(key)) else redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


def secrets(value: Any) -> Iterator[str]:
    """Yield, as text, every value under such a key."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item) if _KEY.search(str(key)) else secrets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets(item)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool) and len(str(value)) >= _SHORTEST:
        yield str(value)


def without(text: str, known: Iterable[str]) -> str:
    """Return the text with `***` for each secret in it, the longest first.

    >>> without("connect abc:s3cret", {"s3c", "s3cret"})
    'connect abc:***'
    """
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
