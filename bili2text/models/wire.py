"""The connection to a hub: proxy, redirects, token, and what each failure means."""

from __future__ import annotations

import http.client
import random
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO
from urllib.parse import urljoin

from bili2text import __version__
from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text
from bili2text.models.hubs import host_of, may_redirect, token_for

_BUSY = (408, 425, 429, 500, 502, 503, 504)
ELSEWHERE = "try again later, or another hub: --hub hf, hf-mirror or modelscope"


class NotHereError(ModelError):
    """This source does not have the model, or not the bytes it must have; another may."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try."""

    timeout: float = 30.0  # seconds without a byte
    attempts: int = 6  # in a row that brought nothing
    pause: float = 1.0  # seconds before the second attempt; doubles
    longest: float = 60.0  # seconds; also the most a hub's Retry-After is obeyed for

    def wait(self, failures: int, asked: float | None) -> float:
        """Return the seconds to wait after `failures` attempts; `asked` is what the hub said."""
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - so that many do not come back at once; no secret
        return min(self.longest, max(self.pause * 2.0 ** (failures - 1) * spread, asked or 0.0))


class TryAgainError(Exception):
    """An attempt failed in a way that the next may not."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait  # seconds the hub asked for


class RangeRefusedError(TryAgainError):
    """The hub has no bytes from where we want to go on."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects by our policy. The token is put on each request anew, never carried along."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not may_redirect(req.full_url, newurl):
            raise _unsafe(host_of(req.full_url), newurl)
        # Python 3.10 does not know 308, which differs from 307 only in being permanent.
        request = super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)
        if request:
            _add_token(request, self._token)
        return request

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


class Client:
    """Opens addresses through the proxy, with the token where it belongs."""

    def __init__(self, proxy: str | None, token: str | None, patience: Patience) -> None:
        proxies = {"http": proxy, "https": proxy} if proxy else urllib.request.getproxies()
        _refuse_socks(proxies)
        self.patience = patience
        self._token = token
        self._opener = urllib.request.OpenerDirector()  # not build_opener: that one also opens file: and ftp:
        for handler in (
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(token),
        ):
            self._opener.add_handler(handler)

    @contextmanager
    def open(self, url: str, start: int = 0) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer to a request for the bytes from `start` on. Raises ModelError, TryAgainError."""
        headers = {"User-Agent": f"bili2text/{__version__}", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener knows http and https only
        _add_token(request, self._token)
        with network(url):
            reply = self._opener.open(request, timeout=self.patience.timeout)
        with reply:
            yield reply


@contextmanager
def network(url: str) -> Iterator[None]:
    """Turn what goes wrong inside into ModelError, or TryAgainError where the next attempt may go well.

    Only network calls belong inside: an OSError is taken for the connection's, never for a full disk.
    """
    host = host_of(url)
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, host) from error
    except http.client.HTTPException as error:
        raise TryAgainError(f"{host} broke off: {type(error).__name__}") from error
    except OSError as error:  # URLError and timeouts are OSErrors as well
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            message = f"the certificate of {host} cannot be trusted: {reason.verify_message}"
            raise ModelError(message, hint="check the clock, and set SSL_CERT_FILE behind a proxy") from error
        raise TryAgainError(f"cannot reach {host}: {getattr(reason, 'strerror', None) or reason}") from error


def _refusal(error: urllib.error.HTTPError, host: str) -> Exception:
    if error.code in _BUSY:
        return TryAgainError(f"{host} answered {error.code}", _retry_after(error.headers.get("Retry-After")))
    if error.code == 416:
        return RangeRefusedError(f"{host} has fewer bytes than we have")
    if error.code in (404, 410):
        return NotHereError(
            f"{host} does not have this model", hint="check its name, or choose another --hub"
        )
    if error.code in (401, 403):
        hint = "check the name; for a private model set HF_TOKEN; in some networks only --hub hf-mirror works"
        return ModelError(f"{host} refuses this model ({error.code})", hint=hint)
    if 300 <= error.code < 400:
        target = urljoin(error.url, error.headers.get("Location", ""))
        if not may_redirect(error.url, target):  # urllib stops at file: before it asks our policy
            return _unsafe(host, target)
        return ModelError(f"{host} sends us in circles", hint=ELSEWHERE)
    return ModelError(f"{host} answered {error.code}", hint=ELSEWHERE)


def _unsafe(host: str, target: str) -> ModelError:
    return ModelError(f"{host} sends us to an unsafe address: {clean_text(target)}", hint=ELSEWHERE)


def _retry_after(said: str | None) -> float | None:
    """Return the seconds in a Retry-After header: a number, or a date."""
    if not said:
        return None
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _add_token(request: urllib.request.Request, token: str | None) -> None:
    allowed = token_for(request.full_url, token)
    if allowed:
        request.add_unredirected_header("Authorization", f"Bearer {allowed}")


def _refuse_socks(proxies: Mapping[str, str]) -> None:
    for scheme in ("http", "https"):
        if proxies.get(scheme, "").startswith("socks"):
            hint = "use an http:// proxy for this, or copy the model's folder here and pass its path"
            raise UsageError("models cannot be downloaded through a SOCKS proxy", hint=hint)
