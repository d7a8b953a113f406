"""Becomes another program that dies with its parent and, given an identity, is not root.

Run as a file, by `launch_command`, so that all this happens in the child before the program starts and nothing of the
parent is forked. Nothing may be imported once root is given up: the interpreter may lie where only root can read.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_LINUX_CAPABILITY_VERSION_3 = 0x20080522

_UNCHANGEABLE = (
    "PostgreSQL refuses to run as root, and here root may not become another user (uid {uid}): {error}.\n"
    "Either start as a normal user, or name an existing PostgreSQL in DATABASE_URL."
)
_UNREACHABLE = (
    "PostgreSQL refuses to run as root, and the user it runs as instead (uid {uid}) cannot read {path}: {error}.\n"
    "Either start as a normal user, or keep the checkout and LEADGEN_STATE where that user can reach them "
    "(not below a directory of root's with mode 0700), or name an existing PostgreSQL in DATABASE_URL."
)


@dataclass(frozen=True)
class Identity:
    """Whom to become, and which files and directories must be readable as that user."""

    uid: int
    gid: int
    reach: tuple[Path, ...]


def launch_command(program: Sequence[str], death_signal: signal.Signals, identity: Identity | None = None) -> list[str]:
    """The command line that starts `program` as a child of this process.

    The child gets `death_signal` when this process ends (Linux; elsewhere it has to notice by itself).
    """
    command = [sys.executable, "-I", "-S", __file__, f"--parent={os.getpid()}", f"--death-signal={int(death_signal)}"]
    if identity is not None:
        command += [f"--uid={identity.uid}", f"--gid={identity.gid}", *(f"--reach={path}" for path in identity.reach)]
    return [*command, "--", *program]


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _first_unreadable(identity: Identity) -> tuple[Path, OSError] | None:
    """The first path that the identity cannot read, found by trying."""
    os.setgroups([])
    os.setegid(identity.gid)
    os.seteuid(identity.uid)
    try:
        for path in identity.reach:
            try:
                os.close(os.open(path, os.O_RDONLY))
            except OSError as error:
                return path, error
        return None
    finally:
        os.seteuid(0)
        os.setegid(0)


def _become(identity: Identity) -> None:
    os.setgroups([])
    os.setgid(identity.gid)
    os.setuid(identity.uid)


def _become_with_reach(libc: ctypes.CDLL, identity: Identity) -> None:
    """Give up root but for one capability: to pass through directories that only root may enter."""
    # Without the fixup the kernel neither takes capabilities away in setuid nor ignores them in access(2), by which
    # PostgreSQL looks for its own programs.
    _check(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    _become(identity)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = _CapabilityHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)(_CapabilityData(mask, mask, mask), _CapabilityData(0, 0, 0))
    _check(libc.capset(ctypes.byref(header), data))
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _give_up_root(libc: ctypes.CDLL, identity: Identity) -> None:
    try:
        unreadable = _first_unreadable(identity)
    except OSError as error:
        sys.exit(_UNCHANGEABLE.format(uid=identity.uid, error=error.strerror))
    if unreadable is None:
        _become(identity)
        return
    path, denial = unreadable
    if sys.platform != "linux":
        sys.exit(_UNREACHABLE.format(uid=identity.uid, path=path, error=denial.strerror))
    try:
        _become_with_reach(libc, identity)
    except OSError:
        sys.exit(_UNREACHABLE.format(uid=identity.uid, path=path, error=denial.strerror))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--reach", type=Path, action="append", default=[])
    parser.add_argument("program", nargs="+")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Do what `launch_command` encoded; replaces this process by the program."""
    options = _parse(arguments)
    libc = ctypes.CDLL(None, use_errno=True)
    if options.uid is not None:
        _give_up_root(libc, Identity(options.uid, options.gid, tuple(options.reach)))
    if sys.platform == "linux":
        # After the change of user: that clears it. A parent that died before this line sends nothing any more.
        _check(libc.prctl(_PR_SET_PDEATHSIG, options.death_signal, 0, 0, 0))
    if os.getppid() != options.parent:
        sys.exit("the parent process is gone")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
    os.execv(options.program[0], options.program)  # noqa: S606 - to become the program is what this is for


if __name__ == "__main__":
    main(sys.argv[1:])
