"""The database within a server, made when missing."""

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CONNECT_SECONDS = 10
_UNUSABLE = "DATABASE_URL names a database that cannot be used; unset it for the embedded one. {}"


class DatabaseError(Exception):
    """The database cannot be connected to; the message says why."""


def create_if_missing(url: str) -> None:
    """See that the database `url` names can be connected to, creating it when only that is missing.

    Raises DatabaseError when the server cannot be reached or refuses.
    """
    try:
        psycopg.connect(url, connect_timeout=_CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        try:
            _create(url)
        except psycopg.Error:
            raise DatabaseError(_UNUSABLE.format(str(error).strip())) from error
    except psycopg.Error as error:
        raise DatabaseError(_UNUSABLE.format(str(error).strip())) from error


def _create(url: str) -> None:
    name = str(conninfo_to_dict(url).get("dbname"))
    maintenance = make_conninfo(url, dbname="postgres")
    with psycopg.connect(maintenance, autocommit=True, connect_timeout=_CONNECT_SECONDS) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
