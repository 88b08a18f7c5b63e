"""Findings: each problem is found where it is, and nothing is found where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_villas import config
from pytest_villas.config import Direction, Finding
from pytest_villas.config.size import message_size
from pytest_villas.samples import signals_of

Write = Callable[..., Path]

CLOSED = "http = { enabled = false }\n"


def found(write: Write, body: str, top: str = CLOSED) -> list[Finding]:
    return config.lint(write(f'{top}nodes = {{ node = {{\n type = "nanomsg"\n{body}\n}} }}'))


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def only(findings: list[Finding], code: str) -> Finding:
    (one,) = [finding for finding in findings if finding.code == code]
    return one


def test_a_sound_configuration_has_no_findings(write: Write) -> None:
    assert found(write, 'signals = "3f"\n in = { endpoints = "ipc:///a" }\n out = { endpoints = "ipc:///b" }') == []


def test_the_shipped_example_has_those_of_its_nature(fixtures: Path) -> None:
    findings = config.lint(fixtures / "nanomsg.conf")
    assert sorted(codes(findings)) == ["hears-itself", "http-open", "inproc", "inproc", "tcp-nodelay"]
    heard = only(findings, "hears-itself")
    assert (heard.severity, heard.place, heard.line) == ("warning", "nodes.nanomsg_node.in.endpoints[0]", 20)
    assert "comes back 3 times" in heard.message
    assert {each.severity for each in findings if each.code == "inproc"} == {"info"}


def test_the_examples_of_the_formats_have_no_error_and_no_warning(fixtures: Path) -> None:
    paths = list(fixtures.glob("nanomsg-*.conf"))
    assert len(paths) >= 9
    for path in paths:
        assert {each.severity for each in config.lint(path)} <= {"info"}


def test_old_keys_are_explained(write: Write) -> None:
    findings = found(write, 'publish = "ipc:///a"\n subscribe = "ipc:///b"\n signals = "1f"')
    publish, subscribe = findings
    assert codes(findings) == ["old-key", "old-key"]
    assert (publish.place, publish.line, publish.severity) == ("nodes.node.publish", 4, "error")
    assert "out = { endpoints" in publish.remedy
    assert "in = { endpoints" in subscribe.remedy
    assert codes(found(write, 'in = { subscribe = "ipc:///b" }')) == ["old-key"]


@pytest.mark.parametrize(
    ("endpoint", "is_found"),
    [
        ("tcp://localhost:1", True),
        ("tcp://gateway.lab:1", True),
        ("tcp://eth0:1", False),
        ("tcp://*:1", False),
        ("tcp://[::1]:1", False),
        ("tcp://10.0.0.5:1", False),
    ],
)
def test_a_host_name_cannot_be_bound(write: Write, endpoint: str, is_found: bool) -> None:
    findings = found(write, f'out = {{ endpoints = ["ipc:///b",\n "{endpoint}"] }}')
    assert ("bind-name" in codes(findings)) is is_found
    if is_found:
        finding = only(findings, "bind-name")
        assert (finding.place, finding.line, finding.severity) == ("nodes.node.out.endpoints[1]", 5, "error")


def test_a_host_name_can_be_dialled(write: Write) -> None:
    assert found(write, 'in = { endpoints = "tcp://localhost:1" }') == []


def two(write: Write, one: str, other: str) -> list[Finding]:
    return config.lint(
        write(f'{CLOSED}nodes = {{\n one = {{ type = "nanomsg", {one} }}\n two = {{ type = "nanomsg", {other} }}\n}}')
    )


@pytest.mark.parametrize(
    ("one", "other", "is_found"),
    [
        ("tcp://*:1", "tcp://127.0.0.1:1", True),
        ("tcp://*:1", "tcp://10.0.0.5:1", True),
        ("tcp://*:1", "tcp://*:2", False),
        ("ipc:///a", "ipc:///a", True),
        ("inproc://a", "inproc://a", True),
        ("ipc:///a", "ipc:///b", False),
    ],
)
def test_two_nodes_cannot_bind_one_endpoint(write: Write, one: str, other: str, is_found: bool) -> None:
    findings = two(write, f'out = {{ endpoints = "{one}" }}', f'out = {{ endpoints = "{other}" }}')
    assert ("bind-twice" in codes(findings)) is is_found
    if is_found:
        finding = only(findings, "bind-twice")
        assert (finding.place, finding.line) == ("nodes.two.out.endpoints", 4)
        assert "nodes.one.out.endpoints" in finding.message


def test_a_disabled_node_binds_nothing(write: Write) -> None:
    out = 'out = { endpoints = "ipc:///a" }'
    assert two(write, out, f"enabled = false, {out}") == []


def test_inproc_without_a_partner_is_a_warning_and_with_one_a_hint(write: Write) -> None:
    alone = found(write, 'in = { endpoints = "inproc://a" }')
    assert (only(alone, "inproc").severity, only(alone, "inproc").place) == ("warning", "nodes.node.in.endpoints")
    paired = two(write, 'out = { endpoints = "inproc://a" }', 'in = { endpoints = "inproc://a" }')
    assert [each.severity for each in paired] == ["info", "info"]


def test_nodes_that_hear_each_other_do_not_hear_themselves(write: Write) -> None:
    crossed = two(
        write,
        'out = { endpoints = "ipc:///a" }, in = { endpoints = "ipc:///b" }',
        'out = { endpoints = "ipc:///b" }, in = { endpoints = "ipc:///a" }',
    )
    assert crossed == []
    assert codes(found(write, 'out = { endpoints = "ipc:///a" }\n in = { endpoints = "ipc:///./a" }')) == ["hears-itself"]


@pytest.mark.parametrize(
    ("name", "fits", "too_long"),
    [
        ("json", "69f", "70f"),
        ("csv", "68f", "70f"),
        ("villas.human", "68f", "70f"),
        ("villas.binary", "371f", "372f"),
        ("villas.web", "371f", "372f"),
        ("raw", "375f", "376f"),
        ("gtnet", "375f", "376f"),
        ("opal.asyncip", "186f", "187f"),
        ("protobuf", "120f", "125f"),
    ],
)
def test_a_message_has_to_fit_the_buffer_of_a_node(write: Write, name: str, fits: str, too_long: str) -> None:
    out = 'out = { endpoints = "ipc:///b" }'
    assert found(write, f'format = "{name}"\n signals = "{fits}"\n {out}') == []
    finding = only(found(write, f'format = "{name}"\n signals = "{too_long}"\n {out}'), "message-size")
    assert (finding.severity, finding.place, finding.line) == ("error", "nodes.node.signals", 5)
    assert "1500" in finding.message


def test_vectorize_multiplies_a_message(write: Write) -> None:
    body = 'format = "villas.binary"\n signals = "60f"\n out = {{ endpoints = "ipc:///b", vectorize = {} }}'
    assert found(write, body.format(5)) == []
    assert "1536 bytes for the 60 signals in each of 6 samples (out, villas.binary)" in found(write, body.format(6))[0].message


def test_64_floats_that_nobody_declared_are_a_warning_only(write: Write) -> None:
    (finding,) = found(write, 'out = { endpoints = "ipc:///b", vectorize = 2 }')
    assert (finding.code, finding.severity, finding.place) == ("message-size", "warning", "nodes.node.out")
    assert "that are the default" in finding.message
    assert found(write, 'vectorize = 2\n signals = "4f"\n out = { endpoints = "ipc:///b" }') == []


def test_a_direction_without_endpoints_sends_nothing_too_long(write: Write) -> None:
    assert found(write, 'signals = "400f"') == []


@pytest.mark.parametrize(
    ("setting", "signals", "count", "message"),
    [
        (
            "json",
            "1f1i1b1c",
            1,
            (
                '[{"ts": {"origin": [1795419353, 424821527]}, "sequence": 12, '
                '"data": [-5.8909850487863658, -36, true, {"real": -0.33909851312637329, "imag": 0.0}]}]'
            ),
        ),
        ("csv", "3f", 1, "1795419359,258150897,8,5.86301719327558057,8.00000000000000000,2.50000000000000000\n"),
        (
            "villas.human",
            "1f1i1b1c",
            1,
            "1795416629.664728086(16)\t-9.50453905018121334\t-48\t0\t-0.70045387744903564+0.00000000000000000i\n",
        ),
        ("raw", "1f1i1b1c", 1, "x" * 20),
        ("opal.asyncip", "3f", 1, "x" * 32),
        ("protobuf", "3f", 1, "x" * 55),
        ("villas.binary", "3f", 4, "x" * 112),
    ],
)
def test_estimates_are_near_what_a_villasnode_sent(setting: str, signals: str, count: int, message: str) -> None:
    size = message_size(Direction((), setting, signals_of(signals), count))
    assert size is not None
    assert size - 32 <= len(message) <= size + 4


def test_csv_of_a_villasnode_cannot_be_read_by_one(write: Write) -> None:
    (finding,) = found(write, 'format = "csv"\n signals = "1f"\n in = { endpoints = "ipc:///a" }')
    assert (finding.code, finding.severity, finding.place) == ("csv-readback", "warning", "nodes.node.format")
    paired = two(
        write,
        'format = "tsv", signals = "1f", out = { endpoints = "ipc:///a" }',
        'format = "tsv", signals = "1f", in = { endpoints = "ipc:///a" }',
    )
    assert (only(paired, "csv-readback").severity, "node 'one'" in only(paired, "csv-readback").message) == ("error", True)
    assert found(write, 'format = "csv"\n signals = "1f"\n out = { endpoints = "ipc:///a" }') == []


@pytest.mark.parametrize(
    ("name", "signals", "is_found"),
    [("villas.binary", "1f1b", True), ("villas.web", "1c", True), ("villas.binary", "1f1i", False), ("json", "1b1c", False)],
)
def test_booleans_and_complex_numbers_are_not_for_binary(write: Write, name: str, signals: str, is_found: bool) -> None:
    findings = found(write, f'format = {{ type = "{name}" }}\n in = {{ endpoints = "ipc:///a", signals = "{signals}" }}')
    assert codes(findings) == ["type-not-carried"] * is_found
    if is_found:
        assert (findings[0].place, findings[0].severity, findings[0].line) == ("nodes.node.in.signals", "error", 5)


def test_only_the_side_that_sends_waits_for_tcp(write: Write) -> None:
    findings = found(write, 'in = { endpoints = "tcp://127.0.0.1:1" }\n out = { endpoints = "tcp://*:2" }\n signals = "1f"')
    assert codes(findings) == ["tcp-nodelay"]
    assert (findings[0].place, findings[0].severity) == ("nodes.node.out.endpoints", "info")


@pytest.mark.parametrize(
    ("top", "is_found"),
    [
        ("", True),
        ("http = { port = 8080 }\n", True),
        ("http = { enabled = true }\n", True),
        ("http = { enabled = false }\n", False),
    ],
)
def test_an_open_http_server_is_found(write: Write, top: str, is_found: bool) -> None:
    findings = found(write, 'signals = "1f"', top)
    assert codes(findings) == ["http-open"] * is_found
    if is_found:
        assert findings[0].line == (1 if top else None)
        assert ("*:8080" if "8080" in top else "*:80:") in findings[0].message


@pytest.mark.parametrize(
    ("name", "is_found"), [("a", True), ("Node", True), ("a.b", True), ("x" * 33, True), ("x" * 32, False), ("a-b_9", False)]
)
def test_a_name_that_villasnode_refuses_is_found(write: Write, name: str, is_found: bool) -> None:
    findings = config.lint(write(f'{{"http": {{"enabled": false}}, "nodes": {{"{name}": {{"type": "signal.v2"}}}}}}', "x.json"))
    assert codes(findings) == ["node-name"] * is_found
    assert all(each.line is None and each.severity == "error" for each in findings)


def test_a_format_of_one_direction_is_not_read_by_villasnode(write: Write) -> None:
    (finding,) = found(write, 'format = "json"\n signals = "1f"\n out = { endpoints = "ipc:///b", format = "protobuf" }')
    assert (finding.code, finding.severity, finding.place, finding.line) == (
        "direction-format",
        "error",
        "nodes.node.out.format",
        6,
    )


def test_an_unknown_format_is_named_with_the_nearest(write: Write) -> None:
    (finding,) = found(write, 'format = "vilas.binary"\n out = { endpoints = "ipc:///b" }')
    assert (finding.code, finding.severity) == ("unknown-format", "warning")
    assert "did you mean 'villas.binary'?" in finding.message


def test_a_file_that_cannot_be_loaded_is_one_error(write: Write, tmp_path: Path) -> None:
    path = write('http = { port = 80 }\nnodes = { Bad = { type = "nanomsg", formt = "json" } }')
    findings = config.lint(path)
    assert codes(findings) == ["invalid", "node-name", "http-open"]
    assert findings[0].message == "nodes.Bad.formt: unknown key, did you mean 'format'?"
    assert codes(config.lint(write("nodes = {", "y.conf"))) == ["invalid"]
    assert codes(config.lint(tmp_path / "gone.conf")) == ["invalid"]


def test_a_finding_in_an_included_file_names_that_file(write: Write) -> None:
    inner = write('\nnode = { type = "nanomsg", out = { endpoints = "tcp://localhost:1" } }', "inner.conf")
    findings = config.lint(write(f'{CLOSED}nodes = {{\n@include "inner.conf"\n}}'))
    assert (only(findings, "bind-name").path, only(findings, "bind-name").line) == (inner, 2)


def test_a_finding_is_written_as_a_compiler_does(write: Write) -> None:
    path = write(f'{CLOSED}nodes = {{ X1 = {{ type = "file" }} }}')
    assert str(config.lint(path)[0]) == (
        f"{path}:2: error: nodes.X1: 'X1' is no name for a node: VILLASnode refuses the whole file; "
        "use 2 to 32 of the characters a-z, 0-9, _ and - [node-name]"
    )


def test_every_finding_says_why_and_what_to_do(fixtures: Path) -> None:
    for path in fixtures.glob("*.conf"):
        for finding in config.lint(path):
            assert finding.message
            assert finding.remedy
            assert finding.severity in ("error", "warning", "info")


def test_a_receiver_that_takes_the_first_sample_of_a_message_alone_is_found(write: Write) -> None:
    def pair(sends: str, takes: str) -> list[Finding]:
        return config.lint(
            write(f"""{CLOSED} nodes = {{
                one = {{ type = "nanomsg", signals = "2f", out = {{ endpoints = "ipc:///v" {sends} }} }}
                two = {{ type = "nanomsg", signals = "2f", in = {{ endpoints = "ipc:///v" {takes} }} }}
            }}""")
        )

    finding = only(pair("vectorize = 5", ""), "first-only")
    assert (finding.place, finding.severity) == ("nodes.one.out.vectorize", "error")
    assert "'two' uses the first alone" in finding.message
    assert "in.vectorize of node 'two' to 5" in finding.remedy
    assert pair("vectorize = 5", "vectorize = 5") == []
    assert pair("", "vectorize = 5") == []
    assert "first-only" not in codes(
        found(write, 'vectorize = 3\n signals = "1f"\n in = { endpoints = "ipc:///a" }\n out = { endpoints = "ipc:///a" }')
    )
