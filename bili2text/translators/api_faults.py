"""What a server's refusals mean, and how long it asks us to wait. Pure."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from bili2text.errors import RuntimeFailure, UsageError
from bili2text.files import clean_text
from bili2text.models.wire import TryAgainError
from bili2text.translators.api_talk import complaint_of
from bili2text.translators.api_wire import Answer

_BUSY = (408, 409, 425, 429)
NO_ENDPOINT = "check that --api-base is the address of an OpenAI-compatible server"


def refusal(answer: Answer, shown: str, model: str, secret: str) -> Exception:
    """Return what to raise for an answer that is no success: TryAgainError where the next may go well.

    Else UsageError for a wrong address, model or key, RuntimeFailure for the rest. `shown` names the server,
    and `secret` is left out of what it said.
    """
    status = answer.status
    if status in (401, 403):
        # what such an answer says may hold the key, or part of it
        hint = "set BILI2TEXT_API_KEY to a key that this server takes"
        return UsageError(f"{shown} refuses the key, or wants one ({status})", hint=hint)
    if 300 <= status < 400:
        hint = "give the address it leads to as --api-base, if you trust that"
        return UsageError(f"{shown} sends us elsewhere ({status}), which is not followed", hint=hint)
    said = complaint_of(answer.body, secret)
    because = f": {said}" if said else ""
    if status in (404, 405):
        hint = f"{NO_ENDPOINT}, and that it has the model"
        return UsageError(f"{shown} has no such call or no model {clean_text(model)!r}{because}", hint=hint)
    message = f"{shown} answered {status}{because}"
    final = answer.headers.get("x-should-retry") == "false"  # OpenAI's clients obey it as well
    if (status in _BUSY or status >= 500) and not final:
        return TryAgainError(message, retry_after(answer.headers.get("Retry-After")))
    return RuntimeFailure(message, hint="" if said else NO_ENDPOINT)


def retry_after(said: str | None) -> float | None:
    """Return the seconds in a Retry-After header, a number or a date (RFC 9110, 10.2.3); None for neither."""
    if not said:
        return None
    text = said.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
