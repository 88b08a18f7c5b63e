"""Run a rig's process so that it can neither harm the machine nor outlive us. Standard library only: it starts fast.

    python -I supervise.py [--realtime] COMMAND [ARGUMENT ...]

Standard input is a pipe from the one who started us: when it closes or says anything, or when the one who started us is
gone, for whatever reason, also SIGKILL, everything that the command started is ended. As root the command loses its privileges first: it gets its own view of the file system in
which /proc/sys is read-only (a VILLASnode started as root rewrites the huge pages of the whole machine), and no
capabilities. With --realtime it is scheduled as SCHED_FIFO before that, where the operating system allows, and OpenBLAS
computes on one thread. The exit status is the command's, or 128 + the signal that ended it.
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
_KILL_S = 5.0
"""How long what is killed may take to be gone; what waits for a device that does not answer cannot be killed."""
_GLANCE_MS = 20
_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36
_LAST_CAPABILITY = 63
_REALTIME = "--realtime"
_PRIORITY = 40
"""Above everything ordinary, below the process that measures."""
_THREADS = "OPENBLAS_NUM_THREADS"
"""How many threads NumPy computes on: those of OpenBLAS spin for as long as they wait for one another, and under SCHED_FIFO never
give the CPU back to the one that they wait for."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a terminal or a CI system sends to a whole group of processes is for pytest, which then ends us."""
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
    children: list[int] = []
    with contextlib.suppress(OSError):  # it ended
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - no pathlib: start fast
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                children += [int(word) for word in file.read().split()]
    return [below for child in children for below in (*_descendants(child), child)]


def _signal_all(number: int) -> None:
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended by itself, or is another user by now
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
    """Ask for SCHED_FIFO, which everything that the command starts inherits, and have OpenBLAS compute on one thread, unless it is told otherwise."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        os.environ.setdefault(_THREADS, "1")
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


def _wait(*descriptors: int, timeout: float) -> set[int]:
    """Return which of these are readable or closed at their other end, after at most `timeout` ms."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(timeout)}


def _end(child: int, number: int, seconds: float) -> int | None:
    """Send a signal to all that the command started, SIGKILL to what is new as well; return the exit status of `child`, if it came."""
    status, end = None, time.monotonic() + seconds
    _signal_all(number)
    while _descendants(os.getpid()) and time.monotonic() < end:
        last = _reap(child)
        status = last if status is None else status
        time.sleep(_GLANCE_MS / 1e3)
        if number == signal.SIGKILL:
            _signal_all(number)
    return status


def main(command: list[str]) -> int:
    """Run the command until it ends, or the one who started us wants its end or is gone."""
    ends = [0]
    with contextlib.suppress(OSError):  # a Linux that has no such thing
        ends.append(os.pidfd_open(os.getppid()))
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
        ready = _wait(wake_read, *ends, timeout=1000)
        if wake_read in ready:
            os.read(wake_read, 512)
        if not ready.isdisjoint(ends):
            break
    for number, seconds in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _KILL_S)):
        last = _end(child, number, seconds)
        status = last if status is None else status
    if left := _descendants(os.getpid()):
        sys.stderr.write(f"could not be ended: processes {', '.join(map(str, left))}\n")
    return 0 if status is None else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
