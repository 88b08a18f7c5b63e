"""Run a rig's process so that it can neither harm the machine nor outlive us. Standard library only: it starts fast.

    python -I supervise.py [--realtime] COMMAND [ARGUMENT ...]

Standard input is a pipe from the one who started us: when it closes, for whatever reason, also SIGKILL, everything that
the command started is ended. As root the command loses its privileges first: it gets its own view of the file system in
which /proc/sys is read-only (a VILLASnode started as root rewrites the huge pages of the whole machine), and no
capabilities. With --realtime it is scheduled as SCHED_FIFO before that, where the operating system allows. The exit status is the command's, or 128 + the signal that ended it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_GRACE_S = 2.0
_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36
_LAST_CAPABILITY = 63
_REALTIME = "--realtime"
_PRIORITY = 40
"""Above everything ordinary, below the process that measures."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Only the closed pipe ends the supervisor, so that Ctrl-C reaches pytest alone, which then closes it."""
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        sys.exit(f"cannot start the rig without privileges: {what}: {os.strerror(error)}; run the tests as an ordinary user")


def _give_up_privileges() -> None:
    """Make /proc/sys read-only for this process and its children, then drop every capability."""
    _checked(_libc.unshare(_CLONE_NEWNS), "unshare")
    _checked(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "private mounts")
    _checked(_libc.mount(b"/proc/sys", b"/proc/sys", None, _MS_BIND, None), "bind /proc/sys")
    _checked(_libc.mount(None, b"/proc/sys", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None), "read-only /proc/sys")
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # those beyond the kernel's last one fail, and are not there


def _descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, the deepest first; as subreaper we also see those whose parent has died."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123 - no pathlib: start fast
            children = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return [below for child in children for below in (*_descendants(child), child)]


def _signal_all(number: int) -> None:
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(pid, number)


def _reap(child: int) -> int | None:
    """Collect what has ended; return the exit status of `child` when it is among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            code = os.waitstatus_to_exitcode(raw)
            status = code if code >= 0 else 128 - code


def _claim_realtime() -> None:
    """Ask for SCHED_FIFO, which everything that the command starts inherits."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except OSError as error:
        sys.stderr.write(f"the rig is scheduled as any other process, though launch.realtime is set: {error.strerror}\n")
        sys.stderr.flush()


def _start(command: list[str], *, realtime: bool) -> int:
    supervisor = os.getpid()
    child = os.fork()
    if child:
        return child
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)  # what is ignored stays so over exec
    if realtime:
        _claim_realtime()
    if os.geteuid() == 0:
        _give_up_privileges()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(1)  # the supervisor died before it could be followed
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a shell is what we do not want
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input closes."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    realtime = command[0] == _REALTIME
    child = _start(command[realtime:], realtime=realtime)
    while (status := _reap(child)) is None:
        ready, _, _ = select.select([0, wake_read], (), (), 1.0)
        if wake_read in ready:
            os.read(wake_read, 512)
        if 0 in ready and not os.read(0, 512):
            break
    _signal_all(signal.SIGTERM)
    end = time.monotonic() + _GRACE_S
    while _descendants(os.getpid()) and time.monotonic() < end:
        last = _reap(child)
        status = last if status is None else status
        time.sleep(0.01)
    _signal_all(signal.SIGKILL)
    while _descendants(os.getpid()):
        last = _reap(child)
        status = last if status is None else status
        time.sleep(0.01)
    return 0 if status is None else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
