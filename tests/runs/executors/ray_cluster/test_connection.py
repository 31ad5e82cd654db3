"""A cluster that is not there is named within seconds, and handlers are those of before."""

import signal
import socket
import sys
import time
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors.ray_cluster.connection import connected, import_ray

pytest.importorskip("ray")


class Ray:
    """Stands in for a package that connects, or fails to, in the way of the given error."""

    def __init__(self, error=None, at=None):
        self.error, self.at, self.calls = error, at, []

    def is_initialized(self):
        return self.at is not None

    def get_runtime_context(self):
        return SimpleNamespace(gcs_address=self.at)

    def init(self, *given, **options):
        self.calls.append("init")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.error:
            raise self.error

    def shutdown(self):
        self.calls.append("shutdown")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No address in the environment, and no head on this machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


@pytest.fixture
def listening():
    """A server that takes what it is sent and answers like one of HTTP/1."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):  # whoever asked may have gone, and the server with it
                client, _ = server.accept()
                client.recv(1000)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

        Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def refused(address=None, ray=None):
    ray = ray or Ray()
    started = time.monotonic()
    with pytest.raises(ConfigError) as error, connected(ray, address):
        pass
    assert time.monotonic() < started + 10
    return str(error.value)


def test_ray_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'genbench\[ray\]'"):
        import_ray()


def test_a_cluster_that_does_not_answer_is_named():
    assert refused("127.0.0.1:1") == "ray_address: no Ray cluster answers at '127.0.0.1:1'"


def test_the_variable_is_named_where_it_holds_the_address(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert refused() == "RAY_ADDRESS: no Ray cluster answers at '127.0.0.1:1'"


def test_a_server_of_something_else_is_no_cluster(listening):
    assert refused(listening) == f"ray_address: no Ray cluster answers at '{listening}'"


@pytest.mark.parametrize("address", ["nonsense", "auto"])
def test_what_is_no_address_is_quoted(address):
    assert refused(address).startswith(f"ray_address: '{address}': ")


def test_ray_client_is_refused_with_what_to_use_instead():
    assert "ray job submit" in refused("ray://10.0.0.2:10001")


MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.54.0
    Python: 3.12.1
This process on node 10.0.0.2:6379 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


def test_another_version_is_said_in_a_sentence():
    line = refused(ray=Ray(RuntimeError(MISMATCH)))
    assert line.endswith(
        "the cluster has Ray 2.54.0 on Python 3.12.1, this process Ray 2.60.0 on Python 3.11.7;"
        " both must be the same"
    )


def test_a_machine_that_is_no_node_of_the_cluster_says_so(monkeypatch):
    module = "genbench.runs.executors.ray_cluster.connection"
    monkeypatch.setattr(f"{module}._answers", lambda place: True)
    monkeypatch.setattr("ray._private.services.find_node_ids", set)
    assert "this machine is not part of the cluster" in refused("10.0.0.2:6379")
    monkeypatch.setattr("ray._private.services.find_node_ids", lambda: {"of another cluster"})
    ray = Ray(RuntimeError("No node info found matching attributes: ''"))
    assert "this machine is not part of the cluster" in refused("10.0.0.2:6379", ray)


def test_a_connection_of_before_is_used_and_stays():
    ray = Ray(at="10.0.0.2:6379")
    for address in (None, "10.0.0.2:6379"):
        with connected(ray, address):
            pass
    assert ray.calls == []
    assert "connected to 10.0.0.2:6379" in refused("10.0.0.3:6379", ray)


def test_a_head_that_is_gone_is_forgotten_and_a_cluster_started(tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    ray = Ray()
    with connected(ray, None):
        pass
    assert ray.calls == ["init", "shutdown"]


def test_the_handler_of_sigterm_is_kept():
    def ours(signum, frame):
        pass

    before = signal.signal(signal.SIGTERM, ours)
    try:
        with connected(Ray(), None):
            assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)
