"""Rig files: read whole, merged, and refused with file, key and remedy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pytest_villas import config
from pytest_villas.errors import ConfigError
from pytest_villas.links import Link, SpLink, SplitLink
from pytest_villas.rig.face import check, face
from pytest_villas.rig.file import RigFile, load
from pytest_villas.rig.link_sections import NanomsgSection, SerialSection, SplitSection
from pytest_villas.rig.registry import Registry, find_fixture, find_recording, shipped

SERIAL = '[link]\nkind = "serial"\nport = "/dev/ttyACM0"\n'
SPLIT = """
[link.stimulus]
kind = 'serial'
port = '/dev/ttyACM0'
[link.response]
config = 'node.conf'
node = 'a'
"""
LINK = '[link]\nconfig = "node.conf"\nnode = "a"\n'


def nanomsg(rig: RigFile) -> NanomsgSection:
    assert isinstance(rig.link, NanomsgSection)
    return rig.link


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", Registry.of(Path("/nowhere")).names())
def test_every_shipped_rig_file_is_valid_and_says_what_it_is(name: str) -> None:
    rig = Registry.of(Path("/nowhere")).load(name)
    assert rig.rig.description
    if isinstance(rig.link, NanomsgSection):
        assert Path(rig.link.config).is_file()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[link]\nconfi = "x"', "link.confi: unknown key, did you mean 'config'?"),
        ('[lnk]\nconfig = "x"', "lnk: unknown key, did you mean 'link'?"),
        ("[link]\nconfig = 3", "link.config is 3: it has to be text in quotes"),
        ('[link]\nkind = "pigeon"', "link.kind is 'pigeon', known are: nanomsg, serial"),
        ("[rig]", "link: needs `config`, a VILLASnode config, and `node`"),
        (LINK + '[match]\nlate_after = "soon"', "match.late_after: 'soon' is no duration"),
        (LINK + '[match]\nlate_after = "5"', "match.late_after: '5' is no duration"),
        (LINK + "[limits]\nlatency_p98 = 1", "limits.latency_p98: no such limit, did you mean 'latency_p9"),
        (LINK + '[limits]\nlatency_p99 = "2 m"', "limits.latency_p99: '2 m' is no duration"),
        (LINK + '[limits]\nnrmse = "1 ms"', "limits.nrmse: '1 ms' is no ratio"),
        (LINK + '[limits]\nloss = "none"', "limits.loss: 'none' is no number: a number without a unit, as in '0.5'"),
        (LINK + "[limits]\nloss = true", "limits.loss: True is no number"),
        (LINK + "move = true", "link.move: the rig has to be started here"),
        (LINK.replace("node.conf", "${HOME}/x"), r"link.config: ${HOME}: only variables that start with VILLAS_RIG_"),
        (LINK.replace("node.conf", "${VILLAS_RIG_NOT_SET}"), r"link.config: ${VILLAS_RIG_NOT_SET}: the variable is not set"),
        (SERIAL + "baudrat = 9600", "link.baudrat: unknown key, did you mean 'baudrate'?"),
        (SERIAL + "[link.in]\nsignal = '3f'", "link.in.signal: unknown key, did you mean 'signals'?"),
        (SERIAL + "config = 'x'", "link.config: unknown key"),
        (SERIAL + "parity = 'off'", "link.parity is 'off', known are: even, mark, none, odd, space"),
        (SERIAL + "baudrate = 0", "link.baudrate is 0: it has to be above 0"),
        (SERIAL + "stopbits = 3", "link.stopbits is 3: it has to be 1, 1.5 or 2"),
        (SERIAL + "header = 'AA5'", "link.header is 'AA5': it has to be bytes in hex"),
        (SERIAL + "framing = 'cobs'\nbytesize = 7", "link.bytesize is 7: framing 'cobs' needs all 8 bits"),
        (SERIAL + "framing = 'fixed'\nxonxoff = true", "link.xonxoff: framing 'fixed' may contain its control characters"),
        (SERIAL + "framing = 'fixed'\nheader = ''", "link.header: framing 'fixed' needs a header or a checksum"),
        (SPLIT.replace("response", "respons"), "link.response: missing: of a link with two ends both are needed"),
        ("[link.stimulus]\nport = 'x'", "link.response: missing: of a link with two ends both are needed"),
        ("[link.response]\nport = 'x'", "link.stimulus: missing: of a link with two ends both are needed"),
        (LINK + SPLIT, "link.config: this link has two ends, and each has keys of its own: move it into [link.stimulus]"),
        (SPLIT + "kind = 'pigeon'", "link.response.kind is 'pigeon', known are: nanomsg, serial"),
        (SPLIT + "kind = 'split'", "link.response.kind is 'split', known are: nanomsg, serial"),
        ("[link]\nkind = 'split'", "link.kind is 'split', known are: nanomsg, serial"),
        ("[link]\nstimulus = 'x'\nresponse = 'y'", "link.stimulus is 'x': it has to be a table"),
        (SPLIT + "nod = 'a'", "link.response.nod: unknown key, did you mean 'node'?"),
        (SPLIT.replace("port", "prot"), "link.stimulus.prot: unknown key, did you mean 'port'?"),
        (SPLIT + "in = { signal = '3f' }\nkind = 'serial'", "link.response.config: unknown key"),
        (SPLIT.replace("'a'", "''"), "link.response: needs `config`, a VILLASnode config, and `node`"),
        (SPLIT.replace("port", "framing = 'fixed'\nheader = ''\nport"), "link.stimulus.header: framing 'fixed' needs a header"),
        (SPLIT + "connect_timeout = 'soon'", "link.response.connect_timeout: 'soon' is no duration"),
        (
            SPLIT + "move = true\n[launch]\ncommand = ['{config}']",
            "link.response.move: the rig has to be started here with the moved",
        ),
        (SPLIT + "move = true", "put {response.config} into launch.command"),
        (SPLIT.replace("port = '/dev/ttyACM0'", ""), "link.stimulus.port: missing: a device such as"),
        (
            SPLIT.replace("port = '/dev/ttyACM0'", "") + "[launch]\ncommand = ['{port}']",
            "link.stimulus.port: missing: a device such as",
        ),
        ("[link]\nkind = 'serial'", "link.port: missing: a device such as /dev/serial/by-id/"),
        (SERIAL + "bytesize = 9", "link.bytesize is '9', known are: 5, 6, 7, 8"),
        (LINK + '[match]\nby = "seq"', "match.by is 'seq', did you mean 'sequence'?"),
        (LINK + "[limits]\nnrmse = -1", "limits.nrmse: -1 is below 0, and it is about a size: it has to be at least 0"),
        (LINK + "[limits]\nnrmse = nan", "limits.nrmse: nan is no ratio: it has to be finite"),
        (LINK + "[launch]\ncommand = []", "launch.command: empty: name a program and its arguments, or leave [launch] out"),
        (LINK + '[launch]\nready = "up"', "launch.command: empty: name a program"),
        (LINK + "[reference]\ncommand = []", "reference.command: empty: name a program and its arguments, or leave"),
        ("[link", "is no TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "is no TOML"),
        ("a = " + "1" * 5000, "is no TOML"),
        (LINK.replace("node.conf", "a\\u0000b"), "link.config: 'a\\x00b' has a null character in it"),
        ('[rig]\nextends = "nobody"', "mine.toml: rig.extends: no rig 'nobody'"),
        ('[rig]\nextends = ["base"]', "rig.extends is ['base']: it has to be the name of one rig"),
        ("[rig]\nextends = 3", "rig.extends is 3: it has to be the name of one rig"),
        ("[rig]\nextends = true", "rig.extends is True: it has to be the name of one rig"),
        ("[rig.extends]\na = 1", "rig.extends is {'a': 1}: it has to be the name of one rig"),
        ('[link]\nkind = ["serial"]', "link.kind is ['serial'], did you mean 'serial'?"),
        (SPLIT + "kind = ['x']", "link.response.kind is ['x'], known are: nanomsg, serial"),
        (LINK + "[limits]\npreset = 3", "limits.preset: 3: no such preset, known are: c37.118-m"),
        (LINK + "[limits]\npreset = [['c37.118-m']]", "limits.preset: ['c37.118-m']: no such preset"),
        (LINK + "[limits.'v_*']\npreset = 3", "limits.v_*.preset: 3: no such preset"),
        (LINK + "[launch]\ncommand = 'python x'", "launch.command is 'python x': it has to be a list, as in [\"{python}\", "),
        (LINK + "[launch]\ncommand = ['a', 3]", "launch.command[1] is 3: it has to be text in quotes"),
        (LINK + "[replay]\nlead = 1", 'replay.lead is 1: it has to be text in quotes, as in "0 s"'),
        (LINK + "move = 'yes'", "link.move is 'yes': it has to be true or false"),
        (SERIAL + "baudrate = 'fast'", "link.baudrate is 'fast': it has to be a whole number, as in 115200"),
        (SERIAL + "signals = 3", "link.signals is 3: it has to be text in quotes or a table or a list"),
        (
            SERIAL + "baudrate = 99999999999999999999999",
            "link.baudrate is 99999999999999999999999: it has to be above 0, and below",
        ),
        (SERIAL + "max_bytes = 0", "link.max_bytes is 0: it has to be at least 1"),
        (LINK + "max_bytes = -1", "link.max_bytes is -1: it has to be at least 1"),
        (LINK + "connect_timeout = '-5 s'", "link.connect_timeout is '-5 s': it has to be at least 0"),
        (LINK + "[replay]\nwarm_up = '-1 s'", "replay.warm_up is '-1 s': it has to be at least 0"),
        (LINK + "[launch]\ncommand = ['x']\nready = '('", "launch.ready is '(': missing ), unterminated subpattern"),
        (
            LINK + "[launch]\ncommand = ['{pyhton}']",
            "launch.command: {pyhton} in '{pyhton}': nothing is put there, did you mean 'python'?",
        ),
        (LINK + "[launch]\ncommand = ['x', '--to={port}']", "launch.command: {port} in '--to={port}': nothing is put there"),
        (LINK + "[reference]\ncommand = ['x', '{stimuls}']", "reference.command: {stimuls} in '{stimuls}': nothing is put there"),
        (LINK + "[limits]\ntve = { limit = '1 %', nominal = 0 }", "limits.tve: nominal: 0: it has to be above 0"),
        (LINK + "[limits]\ntve = { limit = '1 %', cycles = 1 }", "limits.tve: cycles: 1: it has to be above 1"),
        (LINK + "[identity]\nserial = 12", 'identity.serial is 12: it has to be text in quotes, as in serial = "12"'),
        (LINK + "[identity]\na = { b = 'c' }", "identity.a is {'b': 'c'}: it has to be text in quotes"),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, "mine", text)
    with pytest.raises(ConfigError) as caught:
        load(file, Registry((tmp_path,)).path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 'jsn'", "link.format: format 'jsn': unknown, did you mean 'json'?"),
        ("in = { format = 'jsn' }", "link.in.format: format 'jsn': unknown"),
        ("signals = '3x'", "link.signals '3x': a count and a letter each"),
        ("out = { signals = '3x' }", "link.out.signals '3x': a count and a letter each"),
        ("format = 'villas.binary'\nsignals = '1b'", "link.format: format 'villas.binary': signal 'signal0' is boolean"),
        (
            "format = 'raw'\nsignals = '3f'",
            "link.framing: 'line' cannot carry raw, in which any byte may be a newline: use 'cobs'",
        ),
        ("framing = 'fixed'\nsignals = '3f'", "link.framing: 'fixed' cannot carry json, whose messages differ in size"),
    ],
)
def test_format_signals_and_framing_of_a_serial_link_have_to_fit_together(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, "mine", SERIAL + text)
    with pytest.raises(ConfigError) as caught:
        check(load(file), file)
    assert f"{file}: {message}" in str(caught.value)


ONE_WAY = (
    'nodes = { a = { type = "nanomsg", signals = ({ name = "va" }, { name = "tag" }), format = %s, '
    'out = { endpoints = "ws://127.0.0.1:12001" }, in = { endpoints = "tcp://127.0.0.1:12000", signals = ({ name = "vb" }) } }, '
    'f = { type = "file" } }'
)


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ('"json"', LINK.replace("node.conf", "nowhere.conf"), "link.config: {conf}/nowhere.conf: cannot be read"),
        ('"json"', LINK.replace('"a"', '"ab"'), "link.node: {conf}/node.conf: nodes.ab: no such node, did you mean 'a'?"),
        ('"json"', LINK.replace('"a"', '"f"'), "link.node: {conf}/node.conf: nodes.f.type: 'file' nodes are not opened here"),
        ('"jsn"', LINK, "link.config: {conf}/node.conf: nodes.a.in.format: format 'jsn': unknown, did you mean 'json'?"),
        ('"json', LINK, "link.config: {conf}/node.conf:1: "),
        ('"json"', LINK + "engine = 'sp'", "link.engine: 'sp' speaks tcp and ipc, and there is ws://127.0.0.1:12001"),
        ('"json"', LINK + "[match]\ntag = 'tga'", "match.tag is 'tga': the rig takes no such signal"),
        ('"json"', LINK + "[match]\ntag = 'vb'", "match.tag is 'vb': the rig sends no such signal"),
        ('"json"', LINK + "[match]\nhead = 'va'", "match.head is 'va': the rig takes no such signal"),
        ('"json"', LINK + "[match]\nstep = 'vb'", "match.step is 'vb': the rig sends no such signal"),
        (
            '"json"',
            LINK + "[match]\nhistory = ['tag', 'tga']",
            "match.history is 'tga': the rig sends no such signal, did you mean",
        ),
        ('"json"', SPLIT.replace("'a'", "'ab'"), "link.response.node: {conf}/node.conf: nodes.ab: no such node"),
        ('"json"', SPLIT + "engine = 'sp'", "link.response.engine: 'sp' speaks tcp and ipc"),
        ('"json"', SPLIT + "role = 'self'\n[match]\nstep = 'va'", "match.step is 'va': the rig sends no such signal"),
        ('"json"', SERIAL + "signals = '3f'\n[match]\nstep = 'signal3'", "match.step is 'signal3': the rig sends no such signal"),
    ],
)
def test_a_config_and_the_names_in_match_are_looked_into_before_anything_starts(
    tmp_path: Path, setting: str, text: str, message: str
) -> None:
    (tmp_path / "node.conf").write_text(ONE_WAY % setting)
    file = write(tmp_path, "mine", text)
    with pytest.raises(ConfigError) as caught:
        check(load(file), file)
    assert f"{file}: {message.format(conf=tmp_path)}" in str(caught.value)


@pytest.mark.parametrize("name", Registry.of(Path("/nowhere")).names())
def test_every_shipped_rig_passes_that(name: str) -> None:
    registry = Registry.of(Path("/nowhere"))
    check(registry.load(name), registry.path(name))


@pytest.mark.parametrize("end", ["stimulus", "response"])
def test_an_end_that_does_not_fit_together_is_named(tmp_path: Path, end: str) -> None:
    both = {"stimulus": "port = '/dev/ttyACM0'", "response": "port = '/dev/ttyACM1'"}
    both[end] += "\nin = { format = 'jsn' }"
    file = write(tmp_path, "mine", "\n".join(f"[link.{name}]\nkind = 'serial'\n{text}" for name, text in both.items()))
    with pytest.raises(ConfigError) as caught:
        check(load(file), file)
    assert f"{file}: link.{end}.in.format: format 'jsn': unknown" in str(caught.value)


def test_each_end_of_a_link_has_keys_of_its_own_and_can_be_extended(tmp_path: Path) -> None:
    write(tmp_path, "base", SPLIT + "connect_timeout = '20 s'\nmax_bytes = 100")
    write(tmp_path, "near", "[rig]\nextends = 'base'\n[link.stimulus]\nbaudrate = 9600\nmax_bytes = 80")
    link = Registry((tmp_path,)).load("near").link
    assert isinstance(link, SplitSection)
    assert isinstance(link.stimulus, SerialSection)
    assert isinstance(link.response, NanomsgSection)
    assert (link.stimulus.port, link.stimulus.baudrate) == ("/dev/ttyACM0", 9600)
    assert link.response.config == str(tmp_path / "node.conf")
    assert (link.max_bytes, link.connect_timeout) == (80, "20 s")


@pytest.mark.parametrize(("end", "lacks"), [("stimulus", "takes nothing"), ("response", "sends nothing")])
def test_a_node_at_an_end_needs_the_endpoints_of_that_end_and_no_others(tmp_path: Path, end: str, lacks: str) -> None:
    (tmp_path / "node.conf").write_text(
        'nodes = { a = { type = "nanomsg", in = { endpoints = "tcp://127.0.0.1:12000" } }, '
        'b = { type = "nanomsg", out = { endpoints = "tcp://127.0.0.1:12001" } } }'
    )
    nodes = {"stimulus": "a", "response": "b"}

    def link() -> Link:
        tables = "\n".join(f"[link.{name}]\nconfig = 'node.conf'\nnode = '{node}'" for name, node in nodes.items())
        return face(load(write(tmp_path, "mine", tables)).link, tmp_path / "told.json").link

    split = link()
    assert isinstance(split, SplitLink)
    assert split.ends == (SpLink(("tcp://127.0.0.1:12000",), ()), SpLink((), ("tcp://127.0.0.1:12001",)))
    nodes[end] = {"a": "b", "b": "a"}[nodes[end]]
    with pytest.raises(ConfigError, match=rf"link.{end}.node: '{nodes[end]}' of .*node.conf {lacks}"):
        link()


def test_what_was_made_for_a_link_that_cannot_be_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node.conf").write_text(
        'nodes = { a = { type = "nanomsg", out = { endpoints = "ipc:///x" }, in = { endpoints = "ipc:///x" } } }'
    )
    command = "move = true\n[launch]\ncommand = ['{config}']"
    link = load(write(tmp_path, "mine", f"[link]\nconfig = 'node.conf'\nnode = 'b'\n{command}")).link
    (made := tmp_path / "made").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    with pytest.raises(ConfigError, match=r"nodes\.b: no such node"):
        face(link, tmp_path / "told.json")
    assert not list(made.iterdir())


def test_a_config_that_is_moved_is_moved_once_for_both_ends(tmp_path: Path) -> None:
    (tmp_path / "node.conf").write_text(
        'nodes = { a = { type = "nanomsg", out = { endpoints = "tcp://*:12001" }, in = { endpoints = "tcp://127.0.0.1:12000" } } }'
    )
    both = "\n".join(f"[link.{name}]\nconfig = 'node.conf'\nnode = 'a'\nmove = true" for name in ("stimulus", "response"))
    command = "[launch]\ncommand = ['{stimulus.config}', '{response.config}', '{stimulus.node}']"
    ours = face(load(write(tmp_path, "mine", f"{both}\n{command}")).link, tmp_path / "told.json")
    told = [config.load(Path(ours.words[f"{name}.config"])).nodes["a"] for name in ("stimulus", "response")]
    assert told[0] == told[1]
    assert isinstance(ours.link, SplitLink)
    there, back = ours.link.ends
    assert isinstance(there, SpLink)
    assert isinstance(back, SpLink)
    assert [address.split(":")[-1] for address in there.publish] == [
        address.split(":")[-1] for address in told[0].input.endpoints
    ]
    assert [address.split(":")[-1] for address in back.subscribe] == [
        address.split(":")[-1] for address in told[0].output.endpoints
    ]
    ours.close()


def test_tables_of_an_extended_rig_are_merged_and_the_nearer_file_wins(tmp_path: Path) -> None:
    write(tmp_path, "base", LINK + "[limits]\nloss = 0\nnrmse = 0.1\n[match]\nby = 'origin'")
    write(tmp_path, "near", "[rig]\nextends = 'base'\n[limits]\nnrmse = 0.2")
    rig = Registry((tmp_path,)).load("near")
    assert rig.limits == {"loss": 0, "nrmse": 0.2}
    assert rig.match.by == "origin"


def test_a_rig_that_extends_itself_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a", "[rig]\nextends = 'b'")
    write(tmp_path, "b", "[rig]\nextends = 'a'")
    with pytest.raises(ConfigError, match="a -> b -> a never ends"):
        Registry((tmp_path,)).load("a")


def test_paths_are_relative_to_the_file_in_which_they_are_written(tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    for folder in (far, near):
        folder.mkdir()
    (far / "plant.py").touch()
    write(far, "base", LINK + '[launch]\ncommand = ["{python}", "plant.py", "plain", "--plant.py"]')
    write(near, "mine", "[rig]\nextends = 'base'")
    rig = Registry((near, far)).load("mine")
    assert nanomsg(rig).config == str(far / "node.conf")
    assert rig.launch.command == ("{python}", str(far / "plant.py"), "plain", "--plant.py")


def test_words_of_a_command_may_be_longer_than_a_name_and_have_braces_of_their_own(tmp_path: Path) -> None:
    words = ["sh", "x" * 300, "echo {hello}", "{ print }", "{python}", "{config}"]
    file = write(tmp_path, "mine", LINK + f"[launch]\ncommand = {words}")
    assert load(file).launch.command == tuple(words)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LINK.encode())
    assert nanomsg(load(file)).node == "a"


def test_variables_of_the_environment_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VILLAS_RIG_NODE", "b")
    write(tmp_path, "mine", LINK.replace('"a"', '"${VILLAS_RIG_NODE}"'))
    assert nanomsg(Registry((tmp_path,)).load("mine")).node == "b"


def test_the_users_own_files_come_before_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "fixtures"
    (own / "recordings").mkdir(parents=True)
    assert find_fixture("nanomsg.conf", tmp_path) == shipped("fixtures") / "nanomsg.conf"
    (own / "nanomsg.conf").touch()
    (own / "recordings" / "fault.npz").touch()
    assert find_fixture("nanomsg.conf", tmp_path) == own / "nanomsg.conf"
    assert find_recording("fault", tmp_path) == own / "recordings" / "fault.npz"
    assert find_recording("fault.human", tmp_path) == shipped("fixtures") / "recordings" / "fault.human"
    with pytest.raises(ConfigError, match="no recording 'fautl', did you mean 'fault'"):
        find_recording("fautl", tmp_path)


def test_limits_of_a_nearer_file_replace_farther_ones_of_some_channels(tmp_path: Path) -> None:
    write(tmp_path, "base", LINK + '[limits]\npreset = "c37.118-m"\n"v_*" = {nrmse = 0.1, phase = 1}')
    write(tmp_path, "near", "[rig]\nextends = 'base'\n[limits]\nnrmse = 0.2\ntve = false")
    rig = Registry((tmp_path,)).load("near")
    assert rig.limits == {"frequency_error": "5 mHz", "tve": False, "nrmse": 0.2, "v_*": {"phase": 1}}


def test_an_unknown_preset_is_named_with_its_file(tmp_path: Path) -> None:
    write(tmp_path, "base", LINK + '[limits]\npreset = "c37"')
    with pytest.raises(ConfigError, match=r"base.toml: limits.preset: 'c37': no such preset"):
        Registry((tmp_path,)).load("base")
