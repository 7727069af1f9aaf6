"""A Dask scheduler: its address, and a client of it within a bounded time, whatever answers there."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autograder.errors import CannotGrade, UsageError
from autograder.visible import one_line

CONNECT_S = 15.0
"""Seconds that one attempt to reach the scheduler may take."""

MOST_SHOWN = 200
"""Characters of somebody else's words, or of what is no address, that are repeated."""

_DATA = ["msgpack"]
"""What answers are held to: bytes, and nothing that would be opened."""


def checked(address: str) -> str:
    """An address with its protocol.

    Raises:
        UsageError: if it is none, or Dask isn't installed.
    """
    try:
        import distributed  # noqa: F401 - asked for
    except ImportError:
        raise UsageError(
            "--cluster needs Dask, and it isn't installed here. Install it: pip install 'backprop-kit[cluster]'"
        ) from None
    try:
        return _anew(address if "://" in address else f"tcp://{address}")
    except ValueError:
        shown = f"\N{HORIZONTAL ELLIPSIS}@{address.rpartition('@')[2]}" if "@" in address else address  # no password
        raise UsageError(
            f"{shown[:MOST_SHOWN]!r} is not the address of a Dask scheduler. It looks like tcp://HOST:8786 or, where "
            "the cluster has TLS, tls://HOST:8786; the scheduler prints it when it starts."
        ) from None


def _anew(whole: str) -> str:
    """An address put together from its parts.

    Raises:
        ValueError: if these are others than a protocol of Dask's, a host and a port.
    """
    parts = urlsplit(whole)
    host, port = parts.hostname or "", parts.port
    if whole.partition("://")[2] != parts.netloc or parts.scheme not in {"tcp", "tls", "ws", "wss"} or not port:
        raise ValueError("another protocol, no port, or more than protocol, host and port")
    if ":" in host:
        return f"{parts.scheme}://[{ipaddress.ip_address(host)}]:{port}"
    name = host.encode("idna").decode()
    if "@" in parts.netloc or not re.fullmatch(r"[a-z0-9._-]{1,253}", name):
        raise ValueError("a user, or no name of a host")
    return f"{parts.scheme}://{name}:{port}"


class _NoSchedulerError(OSError):
    """What answers at the address says something else than a scheduler does."""


def connected(address: str) -> Any:
    """A client of the scheduler.

    Raises:
        CannotGrade: if it can't be reached, or says nothing, or is none.
    """
    from distributed import Client

    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it has to say is said here, in a sentence

    if urlsplit(address).scheme in {"tls", "wss"} and (lacking := _lacking()):
        raise CannotGrade(
            f"The scheduler at {address} wants a certificate, and {lacking}. Put it right in Dask's "
            "configuration, distributed.comm.tls: ca-file, client.cert and client.key. Then grade again; what was "
            "graded so far is kept."
        )

    class Bounded(Client):  # type: ignore[misc]  # Dask has no types for it
        """A client that waits for an answer no longer than for a connection: Dask alone would wait for ever."""

        async def _ensure_connected(self, timeout: float | None = None) -> None:
            try:
                await asyncio.wait_for(super()._ensure_connected(timeout=timeout), CONNECT_S + 1)
            except (OSError, ImportError):
                raise
            except RuntimeError as error:  # Dask's own settings are against it
                raise OSError(str(error)) from error
            except Exception as error:  # whatever comes of bytes that are no message
                raise _NoSchedulerError from error

    try:
        return Bounded(address, timeout=CONNECT_S, set_as_default=False, serializers=_DATA, deserializers=_DATA)
    except _NoSchedulerError:
        why = f"What answers at {address} is no Dask scheduler"
    except TimeoutError:
        why = f"What listens at {address} has not answered as a Dask scheduler does for {CONNECT_S:.0f} seconds"
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        why = f"The scheduler at {address} can't be reached: {one_line(str(error))[:MOST_SHOWN].rstrip('.')}"
    raise CannotGrade(
        f"{why}. Nothing is lost: start it, or check the address, then grade again; what was graded so far is kept."
    )


def _lacking() -> str:
    """What this machine lacks of Dask's settings for TLS: the one that is unset, or whose file can't be read."""
    from dask import config
    from distributed.security import Security

    if config.get("distributed.client.security-loader", None):
        return ""
    named = {
        name: config.get(f"distributed.comm.tls.{name}", None) for name in ("ca-file", "client.cert", "client.key")
    }
    for name, value in named.items():
        if not value and name != "client.key":  # a key may stand in the certificate's file
            return f"distributed.comm.tls.{name} is not set here"
        if value and "\n" not in str(value):  # else it is no file's name, but what stands in one
            try:
                Path(str(value)).read_bytes()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                return one_line(f"{value}, which distributed.comm.tls.{name} names, can't be read ({why})")
    try:
        Security().get_connection_args("client")
    except (OSError, ValueError, TypeError) as error:
        return one_line(f"those that distributed.comm.tls names here can't be used ({error})")
    return ""


def workers(client: Any) -> Mapping[str, Mapping[str, Any]]:
    """What the scheduler knows of its workers, by their addresses.

    Raises:
        OSError: if it is gone, or stands still.
    """
    if client.status != "running":
        raise OSError("the scheduler is gone")
    found: Mapping[str, Mapping[str, Any]] = client.sync(client.scheduler.identity, callback_timeout=CONNECT_S)
    return found["workers"]


def readable(address: str) -> str:
    """Warn where what travels could be read and changed on the way."""
    parts = urlsplit(address)
    if parts.scheme in {"tls", "wss"}:
        return ""
    with contextlib.suppress(ValueError):
        if parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback:
            return ""
    return (
        f"{address} has no TLS: hidden tests, submissions and scores can be read and changed on the network between. "
        "Use a network that only you use, or a cluster with TLS (tls://)."
    )
