"""One GET request with a limit on time and size; redirects from https to http are refused."""

import http.client
import io
import socket
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import ExitStack
from threading import Thread
from typing import Any
from urllib.parse import urljoin

from genbench.version import __version__

_SLOWEST = 60  # a whole response may take this many timeouts
_HEADERS = {"User-Agent": f"genbench/{__version__}", "Accept-Encoding": "identity"}


class TransferError(Exception):
    """A failed attempt.

    Attributes:
        transient: Whether trying again may help.
        silent: Whether nothing answered in time.
    """

    def __init__(self, reason: str, transient: bool = False, silent: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient
        self.silent = silent


class _Body(io.BytesIO):
    """Collects the body of a response; refuses to grow beyond ``max_bytes``."""

    def __init__(self, max_bytes: int, on_bytes: Callable[[int], object]) -> None:
        super().__init__()
        self._max_bytes, self._on_bytes = max_bytes, on_bytes

    def write(self, piece: Any) -> int:
        if self.tell() + len(piece) > self._max_bytes:
            raise TransferError(f"larger than the limit of {self._max_bytes} bytes")
        self._on_bytes(len(piece))
        return super().write(piece)


def get(url: str, max_bytes: int, timeout: float, on_bytes: Callable[[int], object]) -> bytes:
    """Return the body of ``url``, exactly as sent.

    The request runs in a thread of its own, because a name lookup cannot be given a timeout.

    Args:
        url: The address.
        max_bytes: A longer body is refused.
        timeout: Seconds to wait for the first byte (name lookup included) and between bytes.
        on_bytes: Called with the size of each piece.

    Raises:
        TransferError: The request failed.
    """
    done = Future[None]()
    with _Body(max_bytes, on_bytes) as body:
        Thread(target=_request, args=(url, body, timeout, done), daemon=True).start()
        for _ in range(_SLOWEST):
            n_received = body.tell()
            wait([done], timeout)
            if done.done():
                done.result()
                return body.getvalue()
            if body.tell() == n_received:
                raise _failure(TimeoutError(), timeout)
    raise TransferError(f"not finished after {_SLOWEST * timeout:g} s", silent=True)


def _request(url: str, body: _Body, timeout: float, done: "Future[None]") -> None:
    from pooch import HTTPDownloader

    with ExitStack() as responses:

        def check(response: Any, **_: Any) -> None:
            responses.callback(response.close)
            _check(response)

        hooks = {"response": check}
        download = HTTPDownloader(timeout=timeout, headers=_HEADERS, hooks=hooks)
        try:
            download(url, body, None)
        except TransferError as failure:
            done.set_exception(failure)
        except Exception as error:  # noqa: BLE001  a malicious response can raise anything
            done.set_exception(_failure(error, timeout))
        else:
            done.set_result(None)


def _check(response: Any) -> None:
    """Reject HTTP errors and redirects from https to anything else; leave the body encoded."""
    if response.status_code >= 400:
        reason = f"HTTP {response.status_code} {response.reason}"
        raise TransferError(reason, transient=response.status_code >= 500)
    target = urljoin(response.url, response.headers.get("Location", ""))
    if response.url.startswith("https:") and not target.lower().startswith("https:"):
        raise TransferError(f"refused a redirect from https to {target}")
    response.raw.headers.pop("Content-Encoding", None)


def _failure(error: BaseException, timeout: float) -> TransferError:
    cause = error
    while cause.__context__ is not None:
        cause = cause.__context__
    if isinstance(cause, socket.gaierror):
        return TransferError("the host name cannot be resolved (no network?)")
    if isinstance(cause, TimeoutError):
        return TransferError(f"no answer within {timeout:g} s", transient=True, silent=True)
    transient = isinstance(cause, ConnectionResetError | http.client.HTTPException)
    return TransferError(str(cause) or type(cause).__name__, transient=transient)
