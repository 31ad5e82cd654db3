"""One bounded GET."""

import http.client
import socket
import threading
import urllib.request
from email.message import Message

import pytest

from genbench.data.transfer import SecureRedirects, TransferError, _failure, get


def len_ignored(n: int) -> None:
    assert n > 0


def test_a_body_that_never_ends_is_cut_off(server, replies):
    server.play("/big", replies.body(bytes(200_000)))
    with pytest.raises(TransferError, match="more than the 1000 bytes"):
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


def test_https_is_never_followed_to_http():
    handler, request = SecureRedirects(), urllib.request.Request("https://example.org/file")
    headers = Message()
    followed = handler.redirect_request(request, None, 302, "", headers, "https://example.org/b")
    assert followed.full_url == "https://example.org/b"
    for address in ("http://example.org/file", "ftp://example.org/file"):
        with pytest.raises(TransferError, match="refused"):
            handler.redirect_request(request, None, 302, "", headers, address)
