"""Run firmware from rigs/firmware/ in QEMU, with its serial ports as ptys.

    python qemu.py run controller --port PATH [--port PATH]      PATH becomes a symbolic link to the pty
    python qemu.py run my/firmware.elf --port PATH               a program of yours
    python qemu.py build controller                              prints the path of the program

The firmware here is built into the user's cache folder, once for each state of its sources. QEMU's serial ports take no time for a
byte, whatever the baud rate: what is measured here is the firmware and the emulator, not a line.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "firmware"
MACHINE = "ast1030-evb"
PROGRAMS = ("controller", "echo")
PACKAGES = {"qemu-system-arm": "qemu-system-arm", "arm-none-eabi-gcc": "gcc-arm-none-eabi", "make": "make"}
"""Programs, and the Debian packages that they come from."""
LOOKS_S = 1.2
"""QEMU looks once a second whether somebody has a pty open, and takes no byte from it before. So it is held open here from the beginning,
and given away when QEMU has looked: whoever opens it is heard at once."""


def need(program: str) -> str:
    """Return the path of a program, or end with what to install."""
    path = shutil.which(program)
    if path is None:
        sys.exit(f"{program} is not installed: apt install {PACKAGES[program]}")
    return path


def build(name: str) -> Path:
    """Return the program of that name, built now where it was not yet."""
    if name not in PROGRAMS:
        sys.exit(f"no firmware {name!r}: there are {', '.join(PROGRAMS)}")
    digest = hashlib.sha256()
    for file in sorted(SOURCES.iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-villas"
    program = cache / f"firmware-{digest.hexdigest()[:16]}" / f"{name}.elf"
    if not program.is_file():
        make = need("make")
        need("arm-none-eabi-gcc")
        program.parent.mkdir(parents=True, exist_ok=True)
        # another session may build the same: each in a folder of its own, and the last one stays
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            done = subprocess.run(
                [make, "-C", str(SOURCES), f"OUT={folder}", f"{folder}/{name}.elf"], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                sys.exit(f"the firmware {name!r} cannot be built:\n{done.stdout}")
            Path(folder, f"{name}.elf").replace(program)
    return program


def run(name: str, ports: list[Path]) -> int:
    """Run the firmware of that name, or a program that is built already, until this process or QEMU is ended. Returns QEMU's exit status."""
    emulator, program = need("qemu-system-arm"), Path(name) if name.endswith(".elf") else build(name)
    command = [emulator, "-machine", MACHINE, "-kernel", str(program), "-display", "none", "-monitor", "none"]
    for _ in ports:
        command += ["-serial", "pty"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    held: dict[Path, str] = {}
    try:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := re.search(r"redirected to (\S+) \(label serial(\d+)\)", line):
                os.open(found[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)  # for good
                held[ports[int(found[2])]] = found[1]
                if len(held) == len(ports):
                    time.sleep(LOOKS_S)
                    for port, device in held.items():
                        port.unlink(missing_ok=True)
                        port.symlink_to(device)
        return process.wait()
    finally:
        process.kill()  # one whose port nobody reads waits for that, and hears no gentler signal
        process.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run it in QEMU")
    building = commands.add_parser("build", help="build it")
    running.add_argument("name", help=f"{', '.join(PROGRAMS)}, or the path of an .elf")
    building.add_argument("name", choices=PROGRAMS)
    running.add_argument("--port", type=Path, action="append", required=True)
    arguments = parser.parse_args()
    if arguments.command == "build":
        print(build(arguments.name))
    else:
        sys.exit(run(arguments.name, arguments.port))


if __name__ == "__main__":
    main()
