"""One bounded GET request."""

import gzip
import http.client
import io
import socket
import threading
import time

import pytest
import requests
import urllib3

from genbench.data.transfer import TransferError, _failure, get


def len_ignored(n: int) -> None:
    assert n > 0


def test_a_body_that_never_ends_is_cut_off(server, replies):
    server.play("/big", replies.body(bytes(200_000)))
    with pytest.raises(TransferError, match="larger than the limit of 1000 bytes"):
        get(f"{server.address}big", 1000, 5.0, len_ignored)


def test_a_name_lookup_that_blocks_is_left_after_the_timeout(monkeypatch):
    release = threading.Event()

    def blocked(*args, **options):
        release.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", blocked)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(TransferError, match="no answer within"):
        get("http://a.invalid/", 10, 0.1, len_ignored)
    release.set()


def test_a_protocol_error_is_tried_again():
    assert _failure(http.client.BadStatusLine("x"), 1.0).transient
    assert not _failure(ConnectionRefusedError(111, "refused"), 1.0).transient


def scripted(monkeypatch, **locations):
    """Answer each https address by a redirect, from a script in place of a network."""
    asked = []

    def send(adapter, request, **options):
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request = 302, request.url, request
        response.headers["Location"] = locations[request.url.rpartition("/")[2]]
        response.raw = urllib3.HTTPResponse(io.BytesIO(), preload_content=False)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return asked


@pytest.mark.parametrize(
    "target", ["http://example.org/b", "ftp://example.org/b", "HTTP:b", "file:///etc/hosts"]
)
def test_https_is_never_followed_to_anything_else(monkeypatch, target):
    asked = scripted(monkeypatch, first="HTTPS://example.org/second", second=target)
    with pytest.raises(TransferError, match=f"refused a redirect from https to {target}"):
        get("https://example.org/first", 10, 5.0, len_ignored)
    assert asked == ["https://example.org/first", "https://example.org/second"]


@pytest.mark.parametrize(
    "target", ["http://[", "http://", "http://a b:x/", "ftp://x/", "//", "\xff"]
)
def test_a_redirect_to_nowhere_is_a_failed_transfer(server, replies, target):
    server.play("/first", replies.redirect(target))
    with pytest.raises(TransferError):
        get(f"{server.address}first", 10, 5.0, len_ignored)


@pytest.mark.parametrize("length", ["many", "9" * 400])
def test_a_senseless_content_length_is_a_failed_transfer(server, replies, length):
    server.play("/file", replies.body(b"whole", promised=length))
    with pytest.raises(TransferError):
        get(f"{server.address}file", 10, 1.0, len_ignored)


def test_a_body_is_left_as_it_was_sent(server):
    packed = gzip.compress(b"content")

    def send(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    server.play("/file.gz", send)
    assert get(f"{server.address}file.gz", 1000, 5.0, len_ignored) == packed


def test_a_body_that_trickles_for_ever_is_left(server, monkeypatch):
    monkeypatch.setattr("genbench.data.transfer._SLOWEST", 4)

    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(2048))
            time.sleep(0.02)

    server.play("/file", trickle)
    with pytest.raises(TransferError, match=r"not finished after 0\.4 s"):
        get(f"{server.address}file", 10**9, 0.1, len_ignored)
