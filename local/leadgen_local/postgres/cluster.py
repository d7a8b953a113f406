"""A PostgreSQL data directory on disk: made once, owned by one user, opened only by its own major version."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from leadgen_local.postgres.binaries import Binaries
from leadgen_local.supervision.launch import Identity, launch_command

SUPERUSER = "leadgen"
_UNPRIVILEGED_USER = "nobody"


class ClusterError(Exception):
    """The data directory cannot be made or used; the message says what to do."""


class Cluster:
    """One data directory. Beside it lies `<name>.password`, the generated password of its superuser."""

    def __init__(self, data_dir: Path, binaries: Binaries) -> None:
        self.data_dir = data_dir
        self._binaries = binaries
        self._password_file = data_dir.with_name(data_dir.name + ".password")

    def prepare(self, *, durable: bool) -> None:
        """Make the data directory when there is none; raises ClusterError when the one there cannot be opened."""
        if not self.data_dir.exists():
            self._create(durable=durable)
        self._check_version()
        self._check_owner()

    def password(self) -> str:
        """The superuser's password, generated at the first call."""
        try:
            return self._password_file.read_text().strip()
        except FileNotFoundError:
            if self.data_dir.exists():
                raise ClusterError(
                    f"{self._password_file} is missing and the data in {self.data_dir} cannot be opened without it. "
                    "Put it back, or remove the data directory to begin anew."
                ) from None
        password = secrets.token_urlsafe(24)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password + "\n")
        return password

    def identity(self) -> Identity | None:
        """Whom the server has to run as, or None when the present user will do.

        PostgreSQL refuses to be root: root starts it as the owner of the data, and makes new data for `nobody`.
        """
        if os.geteuid() != 0:
            return None
        reach = (*self._binaries.needed, self.data_dir)
        if self.data_dir.exists():
            owner = self.data_dir.stat()
            return Identity(owner.st_uid, owner.st_gid, reach)
        try:
            user = pwd.getpwnam(_UNPRIVILEGED_USER)
        except KeyError:
            raise ClusterError(
                f"PostgreSQL refuses to run as root and this system has no user {_UNPRIVILEGED_USER}. "
                "Start as a normal user, or name an existing PostgreSQL in DATABASE_URL."
            ) from None
        return Identity(user.pw_uid, user.pw_gid, reach)

    def _create(self, *, durable: bool) -> None:
        """Make it under another name and rename it, so that a killed attempt never looks like a data directory."""
        draft = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        password = self.password()
        identity = self.identity()
        draft.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.data_dir.parent, prefix=".password-") as password_file:
            password_file.write(password)
            password_file.flush()
            if identity is not None:
                os.chown(draft, identity.uid, identity.gid)
                os.chown(password_file.name, identity.uid, identity.gid)
                identity = Identity(identity.uid, identity.gid, (*self._binaries.needed, draft))
            program = [
                *(str(self._binaries.initdb), "--pgdata", str(draft)),
                *("--username", SUPERUSER, "--pwfile", password_file.name, "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *([] if durable else ["--no-sync"]),
            ]
            answer = subprocess.run(
                launch_command(program, signal.SIGTERM, identity), cwd="/", capture_output=True, text=True, check=False
            )
        if answer.returncode != 0:
            raise ClusterError(f"initdb could not make {self.data_dir}:\n{answer.stdout}{answer.stderr}")
        draft.rename(self.data_dir)

    def _check_version(self) -> None:
        try:
            found = (self.data_dir / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise ClusterError(
                f"{self.data_dir} is no PostgreSQL data directory. Choose another LEADGEN_STATE, or remove it."
            ) from None
        except PermissionError as error:
            raise ClusterError(self._foreign_owner()) from error
        if found != str(self._binaries.major):
            raise ClusterError(
                f"The data in {self.data_dir} was written by PostgreSQL {found}, but the installed one is "
                f"{self._binaries.version}. Run a PostgreSQL {found} on it and name that in DATABASE_URL to keep the "
                "data, or move the directory away to begin anew."
            )

    def _check_owner(self) -> None:
        user = os.geteuid()
        if user != 0 and self.data_dir.stat().st_uid != user:
            raise ClusterError(self._foreign_owner())

    def _foreign_owner(self) -> str:
        owner = self.data_dir.stat().st_uid
        return (
            f"{self.data_dir} belongs to uid {owner}, not to you (uid {os.geteuid()}). "
            "Start as that user or as root, or choose another LEADGEN_STATE."
        )
