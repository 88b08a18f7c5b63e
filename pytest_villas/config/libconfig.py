"""libconfig files by way of `libconf`, and what it leaves out.

`libconf` knows the tokens and the grammar. Added here: `@include` as VILLASnode resolves it (globs, beside the file that was
asked for, and never inside a comment or a string), settings that are there twice, arrays of mixed types, errors with file and
line, and the line of each setting.
"""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import libconf

from pytest_villas.errors import ConfigError, NotThereYet

# strings and comments are matched only to step over them
_INCLUDE: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|#[^\n]*|//[^\n]*|/\*.*?\*/|^[ \t]*@include[ \t]+"(?P<pattern>(?:[^"\\]|\\.)*)"', re.DOTALL | re.MULTILINE
)

_OPENING: Final = ("{", "(", "[")
_CLOSING: Final = ("}", ")", "]")


def parse(path: Path) -> tuple[dict[str, Any], dict[str, tuple[Path, int]]]:
    """Read a file; return its root group and the file and line of each place. Raises ConfigError."""
    tokens = list(_tokens(path, path.parent, ()))
    stream = libconf.TokenStream(tokens)
    parser = _Parser(stream)
    try:
        root = parser.parse()
    except libconf.ConfigParseError as error:
        token = stream.peek()
        wanted = _wanted(str(error))
        if token is None:
            opened = _unclosed(tokens)
            since = f" for the {opened.text!r} of {opened.filename}:{opened.row}" if opened else ""
            raise ConfigError(f"{path}:{tokens[-1].row}: ends too early, {wanted}{since}") from None
        raise ConfigError(f"{token.filename}:{token.row}: {token.text!r} is not expected here, {wanted}") from None
    return _plain(root), parser.lines


def _wanted(error: str) -> str:
    """Return what libconf says that it expected, in words."""
    expected = error.rpartition("; ")[2] if "; " in error else "expected: name = value"
    characters = re.findall(r"'[^']+'", expected)
    return f"expected {' or '.join(characters)}" if characters else expected


def _unclosed(tokens: Iterable[Any]) -> Any:
    """Return the innermost bracket that nothing closes, if there is one."""
    opened: list[Any] = []
    for token in tokens:
        if token.text in _OPENING:
            opened.append(token)
        elif token.text in _CLOSING and opened:
            opened.pop()
    return opened[-1] if opened else None


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a file. Raises ConfigError, NotThereYet where there is no such file."""
    try:
        return path.read_bytes().decode(encoding)  # not read_text(): it would change line ends inside strings
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        kind = NotThereYet if isinstance(error, FileNotFoundError) else ConfigError
        raise kind(f"{path}: cannot be read: {error.strerror}") from None


def _tokens(path: Path, directory: Path, trail: tuple[Path, ...]) -> Iterator[Any]:
    trail = (*trail, path.resolve())
    text = read_text(path)
    if text.startswith("\ufeff"):
        raise ConfigError(f"{path}:1: begins with a byte order mark, which is no libconfig: save it as UTF-8 without")
    tokenizer = libconf.Tokenizer(str(path))
    done = 0
    for found in _INCLUDE.finditer(text):
        if found["pattern"] is None:
            continue
        yield from _tokenize(tokenizer, text[done : found.start()])
        done = found.end()
        place = f'{path}:{tokenizer.row}: @include "{found["pattern"]}"'
        for included in _included(libconf.decode_escapes(found["pattern"]), directory, place):
            if included.resolve() in trail:
                raise ConfigError(f"{place}: includes itself: {' -> '.join(map(str, (*trail, included.resolve())))}")
            yield from _tokens(included, directory, trail)
    yield from _tokenize(tokenizer, text[done:])


def _included(pattern: str, directory: Path, place: str) -> list[Path]:
    names = sorted(glob.glob(pattern, root_dir=directory))  # noqa: PTH207  # Path.glob refuses absolute patterns
    found = (directory / name for name in names)
    files = [each for each in found if each.is_file()]
    if not files:
        raise ConfigError(f"{place}: no such file in {directory}; names are relative to the file that is loaded")
    return files


def _tokenize(tokenizer: Any, text: str) -> Iterator[Any]:
    try:
        for token in tokenizer.tokenize(text):
            yield token
            # libconf does not count the lines inside a string
            tokenizer.row += token.text.count("\n")
    except libconf.ConfigParseError as error:
        rest = str(error).rpartition(": ")[2]
        raise ConfigError(f"{tokenizer.filename}:{tokenizer.row}: no libconfig from {rest} on") from None
    except ValueError as error:
        raise ConfigError(f"{tokenizer.filename}:{tokenizer.row}: no number of libconfig: {error}") from None


class _Parser(libconf.Parser):  # type: ignore[misc]  # libconf has no type hints
    """libconf's parser, which also keeps where it is."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.lines: dict[str, tuple[Path, int]] = {}
        self._place = ""

    def setting(self) -> Any:
        """Read ``name = value``."""
        name = self.tokens.peek()
        if name is None or name.type != "name":
            return None
        outer = self._place
        self._place = f"{outer}.{name.text}" if outer else name.text
        if self._place in self.lines:
            first = ":".join(map(str, self.lines[self._place]))
            raise ConfigError(f"{name.filename}:{name.row}: {self._place}: is there already, at {first}: remove one")
        self.lines[self._place] = (Path(name.filename), name.row)
        found = super().setting()
        self._place = outer
        return found

    def array(self) -> Any:
        """Read ``[a, b]``, whose elements have one type."""
        token, place = self.tokens.peek(), self._place
        found = super().array()
        if found and len({_kind(each) for each in found}) > 1:
            raise ConfigError(f"{token.filename}:{token.row}: {place}: an array has elements of one type, a list ( ) of several")
        return found

    def _comma_separated_list_or_empty(self, nonterminal: Callable[[], Any]) -> Any:
        outer, numbers = self._place, itertools.count()

        def element() -> Any:
            token = self.tokens.peek()
            self._place = f"{outer}[{next(numbers)}]"
            if token is not None:
                self.lines[self._place] = (Path(token.filename), token.row)
            value = nonterminal()
            if value is None:
                self.lines.pop(self._place, None)
            self._place = outer
            return value

        return super()._comma_separated_list_or_empty(element)


def _kind(value: Any) -> type:
    return next(kind for kind in (bool, int, float, str) if isinstance(value, kind))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return int(value) if _kind(value) is int else value
