"""What a launched program may do, and when it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leadgen_local.supervision.launch import Identity, launch_command
from tests.support.local import await_end

NOBODY = 65534
CAT = "/bin/cat"

as_root = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs root on Linux")


def status_as(identity: Identity) -> dict[str, str]:
    """The kernel's view of a program launched as somebody."""
    command = launch_command([CAT, "/proc/self/status"], signal.SIGTERM, identity)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in answer.stdout.splitlines())}


@as_root
def test_a_user_who_can_reach_everything_gets_no_privilege_at_all() -> None:
    status = status_as(Identity(NOBODY, NOBODY, (Path("/bin"),)))
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert status["Gid"].split() == [str(NOBODY)] * 4
    assert status["Groups"] == ""
    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}


@as_root
def test_a_user_who_cannot_reach_something_gets_only_the_right_to_pass(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    file = private / "file"
    file.write_text("reached")
    identity = Identity(NOBODY, NOBODY, (file,))
    status = status_as(identity)
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {f"{1 << 1:016x}"}
    command = launch_command([CAT, str(file)], signal.SIGTERM, identity)
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout == "reached"


@as_root
def test_without_the_right_to_change_users_the_way_out_is_told() -> None:
    command = launch_command([CAT, "/dev/null"], signal.SIGTERM, Identity(NOBODY, NOBODY, ()))
    starter = "import os, sys; os.setresuid(0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    drop_all = f"import ctypes; libc = ctypes.CDLL(None); [libc.prctl(24, n, 0, 0, 0) for n in range(64)]; {starter}"
    command[command.index(next(part for part in command if part.startswith("--parent=")))] = "--parent=0"
    answer = subprocess.run([sys.executable, "-c", drop_all, *command], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "DATABASE_URL" in answer.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_launched_program_dies_with_its_parent() -> None:
    parent_code = (
        "import subprocess, sys, signal\n"
        "from leadgen_local.supervision.launch import launch_command\n"
        "child = subprocess.Popen(launch_command(['/bin/sleep', '600'], signal.SIGTERM))\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        await_end(child)


def test_a_program_whose_parent_is_gone_does_not_start() -> None:
    command = launch_command([CAT, "/dev/null"], signal.SIGTERM)
    orphaned = [f"--parent={os.getpid() + 1}" if part.startswith("--parent=") else part for part in command]
    answer = subprocess.run(orphaned, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "parent process is gone" in answer.stderr
