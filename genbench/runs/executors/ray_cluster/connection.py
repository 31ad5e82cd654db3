"""Connects to a Ray cluster, or starts one on this machine; ends only what it began."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from genbench.core.errors import ConfigError, first_line, quoted

_ANSWER_S = 5.0
"""A cluster that does not answer after this time is not there."""
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""Opens an HTTP/2 connection; a server answers with its settings, a frame of the same type."""

_NO_NODE = (
    "this machine is not part of the cluster: join it with `ray start --address=HOST:PORT`, or hand"
    " the command in with `ray job submit`"
)


def import_ray() -> Any:
    """Return the package ray.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return import_module("ray")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "executor: 'ray' needs the package ray: python -m pip install 'genbench[ray]'"
        ) from error


@contextmanager
def connected(ray: Any, address: str | None) -> Iterator[None]:
    """Run a block connected to a cluster.

    It is the one that this process is connected to, else the one at ``address``, else at
    RAY_ADDRESS, else one whose head runs on this machine, else one that is started and ended here.

    Raises:
        ConfigError: There is none at the address, or it has another version.
    """
    if ray.is_initialized():
        _require_same(ray, address)
        yield
        return
    place = _place_of(address)
    with _silent():
        with _own_handlers():
            _connect(ray, place)
        try:
            yield
        finally:
            with _own_handlers():
                ray.shutdown()


def _require_same(ray: Any, address: str | None) -> None:
    here = ray.get_runtime_context().gcs_address
    if address not in (None, here):
        raise ConfigError(
            f"ray_address: this process is connected to {here}; leave the address out, or call"
            " ray.shutdown() before"
        )


def _place_of(address: str | None) -> str | None:
    """Return host and port of the cluster to connect to, or None to start one."""
    asked = address or os.environ.get("RAY_ADDRESS", "")
    key = "ray_address" if address else "RAY_ADDRESS"
    if "://" in asked:
        raise ConfigError(
            f"{key}: {quoted(asked)}: expected HOST:PORT of the cluster's head; from a machine that"
            " is not part of it, hand the command in with `ray job submit`"
        )
    try:  # reads what `ray start` left where none is asked for
        place = import_module("ray._private.services").canonicalize_bootstrap_address(address)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{key}: {quoted(asked)}: {first_line(error)}") from error
    answers = place is not None and _answers(place)
    if place is None or not (asked or answers):  # none, or one was left by a head that is gone
        return None
    if not answers:
        raise ConfigError(f"{key}: no Ray cluster answers at {quoted(asked)}")
    if not _is_node():
        raise ConfigError(f"{key}: {quoted(asked or place)}: {_NO_NODE}")
    return str(place)


def _answers(place: str) -> bool:
    """Whether a server of Ray's protocol answers; Ray itself would try for minutes."""
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0") in ("1", "true"):
                return True
            connection.sendall(_HTTP2)
            with connection.makefile("rb") as answer:
                return answer.read(4)[3:] == b"\x04"
    except (OSError, ValueError):
        return False


def _is_node() -> bool:
    """Whether a node of any cluster runs on this machine; Ray would wait a minute for one."""
    find = getattr(import_module("ray._private.services"), "find_node_ids", None)
    return find is None or bool(find())


def _connect(ray: Any, place: str | None) -> None:
    start = {} if place else {"include_dashboard": False}
    try:
        ray.init(place or "local", log_to_driver=False, logging_level="error", **start)
    except (RuntimeError, ValueError, OSError) as error:
        where = f"ray_address: {place}" if place else "executor: 'ray' cannot be started here"
        raise ConfigError(f"{where}: {_problem(str(error)) or first_line(error)}") from error


def _problem(text: str) -> str:
    """Say in one sentence what is wrong where Ray needs many, or return nothing."""
    if "No node info found" in text:
        return _NO_NODE
    versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
    if "ersion mismatch" not in text or len(versions) != 2:
        return ""
    theirs, ours = (f"Ray {ray} on Python {python}" for ray, python in versions)
    return f"the cluster has {theirs}, this process {ours}; both must be the same"


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Ray from printing what happens on nodes to stdout, for which it has no option."""
    worker: Any = import_module("ray._private.worker")
    before = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before
