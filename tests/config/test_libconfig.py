"""libconfig files: the whole grammar, includes as VILLASnode resolves them, errors with file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.config import libconfig
from pytest_villas.config.document import read
from pytest_villas.errors import ConfigError

Write = Callable[..., Path]


def parsed(path: Path) -> dict[str, Any]:
    return libconfig.parse(path)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 1", 1),
        ("a : 1;", 1),
        ("a = -7,", -7),
        ("a = 0xFF", 255),
        ("a = 0x10L;", 16),
        ("a = 5000000000L;", 5_000_000_000),
        ("a = 7LL;", 7),
        ("a = 1.5", 1.5),
        ("a = -.5e-3", -0.0005),
        ("a = 1e3", 1000.0),
        ("a = true", True),
        ("a = FALSE", False),
        ('a = "x"', "x"),
        ('a = "one " "two"\n  "three"', "one twothree"),
        (r'a = "\"\\\t\x41"', '"\\\tA'),
        ('a = "tcp://*:1 # /* no comment */"', "tcp://*:1 # /* no comment */"),
        ("a = []", []),
        ("a = ()", []),
        ("a = {}", {}),
        ("a = [1, 2, 3,]", [1, 2, 3]),
        ('a = (1, "x", { b = 2; }, [true])', [1, "x", {"b": 2}, [True]]),
        ("a = { b : { c = 1, d = 2; e = 3 } }", {"b": {"c": 1, "d": 2, "e": 3}}),
        ("# one\n// two\n/* three\n four */ a = /* five */ 1 // six", 1),
    ],
)
def test_the_grammar(write: Write, text: str, value: Any) -> None:
    found = parsed(write(text))["a"]
    assert found == value
    assert type(found) is type(value)


def test_names_may_have_stars_and_dashes(write: Write) -> None:
    assert parsed(write("a-b_c*9 = 1")) == {"a-b_c*9": 1}


def test_line_ends_of_other_systems_separate_and_stay_in_strings(write: Write) -> None:
    path = write("")
    path.write_bytes(b'a = 1 # one\r\nb = "x\r\ny\r" // two\r\n@include "c.conf"\r\nd = 4\r\n')
    write("c = 3", "c.conf")
    assert parsed(path) == {"a": 1, "b": "x\r\ny\r", "c": 3, "d": 4}


def test_an_empty_file_is_an_empty_group(write: Write) -> None:
    assert parsed(write("")) == {}
    assert parsed(write("# nothing here\n")) == {}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = 1\nb = \n", 2, "ends too early, expected a value"),
        ("\ufeffa = 1\n", 1, "begins with a byte order mark"),
        ("a = 1\nb ! 2\n", 2, "no libconfig from '! 2"),
        ("a = {\n b = 1\n", 2, "ends too early, expected '}' for the '{' of "),
        ("a = (\n{ b = [1] }\n", 2, "ends too early, expected ')' for the '(' of "),
        ("a\n", 1, "ends too early, expected ':' or '='"),
        ("a = ( 1 ; )\n", 1, "';' is not expected here, expected ')'"),
        ("a = 1\n}\n", 2, "'}' is not expected here, expected: name = value"),
        ("a = (1\n 2)", 2, "'2' is not expected here"),
        ("\n\na b", 3, "'b' is not expected here"),
        ('a = "open\n', 1, "no libconfig from"),
        ("a = /* open\n", 1, "no libconfig from"),
        ("a = 1\nb = 010\n", 2, "no number of libconfig"),
        ("a = .\n", 1, "no number of libconfig"),
        ("a = 1\n\na = 2\n", 3, "a: is there already, at"),
        ("n = { a = 1\n a = 2 }\n", 2, "n.a: is there already"),
        ('a = [1,\n "x"]\n', 1, "a: an array has elements of one type"),
        ("a = [1, 2.0]\n", 1, "elements of one type"),
        ("a = [true, 1]\n", 1, "elements of one type"),
        ("a = [{ b = 1 }]\n", 1, "is not expected here"),
        ('a = "two\nlines"\nb = !\n', 3, "no libconfig from"),
    ],
)
def test_errors_name_the_file_and_the_line(write: Write, text: str, line: int | None, message: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        libconfig.parse(path)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert message in str(caught.value)


def test_settings_and_elements_know_their_line(write: Write) -> None:
    path = write('a = {\n  b = "two\nlines"\n  c = (1,\n    { d = 2 })\n}\n')
    lines = libconfig.parse(path)[1]
    assert {place: line for place, (_, line) in lines.items()} == {
        "a": 1,
        "a.b": 2,
        "a.c": 4,
        "a.c[0]": 4,
        "a.c[1]": 5,
        "a.c[1].d": 5,
    }


def test_an_include_stands_for_the_text_of_its_file(write: Write) -> None:
    write("b = 2\nc = 3\n", "inner.conf")
    path = write('a = 1\n  @include "inner.conf"  # here\nd = { @include\n', "outer.conf")
    path.write_text('a = 1\n  @include "inner.conf"  # here\nd = {\n@include "inner.conf"\n}\ne = 5\n')
    root, lines = libconfig.parse(path)
    assert root == {"a": 1, "b": 2, "c": 3, "d": {"b": 2, "c": 3}, "e": 5}
    assert lines["c"] == (path.parent / "inner.conf", 2)
    assert lines["e"] == (path, 6)


def test_an_include_pattern_takes_all_its_files_in_order(write: Write) -> None:
    write("b = 2", "parts/2.conf")
    write("a = 1", "parts/1.conf")
    write("c = 3", "parts/deep/3.conf")
    root = parsed(write('@include "parts/*.conf"\n@include "parts/d*/?.conf"\n'))
    assert list(root.items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_includes_of_includes_are_relative_to_the_file_that_is_loaded(write: Write) -> None:
    write('@include "parts/inner.conf"', "parts/middle.conf")
    write("a = 1", "parts/inner.conf")
    assert parsed(write('@include "parts/middle.conf"')) == {"a": 1}


def test_an_absolute_include_is_read(write: Write, tmp_path: Path) -> None:
    write("a = 1", "inner.conf")
    assert parsed(write(f'@include "{tmp_path}/inn*.conf"')) == {"a": 1}


def test_an_include_in_a_comment_or_a_string_is_none(write: Write) -> None:
    path = write('/*\n@include "no"\n*/\n# @include "no"\n//\n a = "\n@include \\"no\\"\n"\n')
    assert parsed(path) == {"a": '\n@include "no"\n'}


def test_a_file_may_be_included_twice_but_not_by_itself(write: Write) -> None:
    write("b = 1", "leaf.conf")
    assert parsed(write('x = {\n@include "leaf.conf"\n}\ny = {\n@include "leaf.conf"\n}\n')) == {"x": {"b": 1}, "y": {"b": 1}}
    write('@include "b.conf"', "a.conf")
    path = write('\n@include "a.conf"', "b.conf")
    with pytest.raises(
        ConfigError, match=r"a\.conf:1: @include \"b\.conf\": includes itself: .*b\.conf -> .*a\.conf -> .*b\.conf"
    ):
        libconfig.parse(path)


def test_an_include_without_a_file_is_an_error_of_the_line(write: Write) -> None:
    path = write('a = 1\n@include "gone-*.conf"\n')
    with pytest.raises(
        ConfigError, match=r'x\.conf:2: @include "gone-\*\.conf": no such file in .*relative to the file that is loaded'
    ):
        libconfig.parse(path)


def test_an_error_in_an_included_file_names_that_file(write: Write) -> None:
    write("\nb ! 1", "inner.conf")
    with pytest.raises(ConfigError, match=r"inner\.conf:2: "):
        libconfig.parse(write('@include "inner.conf"\n'))


def test_files_that_cannot_be_read_are_errors(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.conf: cannot be read: No such file"):
        read(tmp_path / "gone.conf")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path)
    path = write("")
    path.write_bytes(b'a = "\xff"')
    with pytest.raises(ConfigError, match=r"is no UTF-8 text: .* at byte 5"):
        read(path)
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(write("a = " + "(" * 20_000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"a": }', r"x\.json:2: no JSON: Expecting value"),
        ("[1]", "is list at its top"),
        ("3", "is int at its top"),
        ('{"a": {"b": 1, "b": 2}}', "key 'b' is there twice"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("", r"x\.json:1: no JSON"),
        ('{"a": ' + "[" * 200_000, "nested too deeply"),
    ],
)
def test_errors_of_json(write: Write, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(write(text, "x.json"))


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,6}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=12,
)


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + " ".join(f"{key} = {written(each)};" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "( " + ", ".join(map(written, value)) + " )"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, int):
        return f"{value}L"
    return repr(value)


@given(value=VALUES)
def test_libconfig_and_json_of_one_value_read_the_same(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    # newline="": a text may hold a carriage return, which is none of ours to translate
    (folder / "v.conf").write_text(f"v = {written(value)}", encoding="utf-8", newline="")
    (folder / "v.json").write_text(json.dumps({"v": value}), encoding="utf-8")
    assert read(folder / "v.conf").root == read(folder / "v.json").root
