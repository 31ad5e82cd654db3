"""One bounded GET: in time, in size, and in the addresses it follows; standard library only."""

import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from email.message import Message
from threading import Thread
from typing import IO, Any

from genbench.version import __version__

_PIECE = 65_536
_SLOWEST = 60  # a whole answer may take so many timeouts


class TransferError(Exception):
    """An attempt that failed.

    Attributes:
        transient: Whether trying again may help.
        silent: Whether nothing answered in time.
    """

    def __init__(self, reason: str, transient: bool = False, silent: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient
        self.silent = silent


class SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the next request, or refuse it."""
        if req.type == "https" and not newurl.lower().startswith("https://"):
            raise TransferError(f"refused to follow https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def get(url: str, max_bytes: int, timeout: float, on_bytes: Callable[[int], object]) -> bytes:
    """Return the body of ``url``.

    Args:
        url: The address.
        max_bytes: More than that is refused.
        timeout: Seconds until the answer begins (finding the host included) and between its pieces.
        on_bytes: Called with the size of each piece.

    Raises:
        TransferError: Anything went wrong.
    """
    try:
        with _open(url, timeout) as response:
            return _read(response, max_bytes, timeout, on_bytes)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _failure(error, timeout) from error


def _open(url: str, timeout: float) -> Any:
    """Open ``url`` in a thread of its own: a name lookup cannot be given a timeout otherwise."""
    answer: Future[Any] = Future()
    Thread(target=_answer, args=(url, timeout, answer), daemon=True).start()
    try:
        return answer.result(timeout)
    except TimeoutError:
        if answer.cancel():
            raise
        return answer.result()


def _answer(url: str, timeout: float, answer: "Future[Any]") -> None:
    opener = urllib.request.build_opener(SecureRedirects)
    request = urllib.request.Request(url, headers={"User-Agent": f"genbench/{__version__}"})
    try:
        response = opener.open(request, timeout=timeout)
    except (OSError, ValueError, http.client.HTTPException, TransferError) as error:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)
        return
    if answer.set_running_or_notify_cancel():
        answer.set_result(response)
    else:
        response.close()


def _read(
    response: Any, max_bytes: int, timeout: float, on_bytes: Callable[[int], object]
) -> bytes:
    body = bytearray()
    deadline = time.monotonic() + _SLOWEST * timeout
    while piece := response.read1(_PIECE):
        body += piece
        on_bytes(len(piece))
        if len(body) > max_bytes:
            raise TransferError(f"more than the {max_bytes} bytes it may have")
        if time.monotonic() > deadline:
            raise TransferError(f"not finished after {_SLOWEST * timeout:g} s", silent=True)
    return bytes(body)


def _failure(error: Exception, timeout: float) -> TransferError:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return TransferError(f"HTTP {error.code} {error.reason}", transient=error.code >= 500)
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, socket.gaierror):
        return TransferError("the host name cannot be resolved (no network?)")
    if isinstance(cause, TimeoutError):
        return TransferError(f"no answer within {timeout:g} s", transient=True, silent=True)
    transient = isinstance(cause, ConnectionResetError | http.client.HTTPException)
    return TransferError(str(cause) or type(cause).__name__, transient=transient)
