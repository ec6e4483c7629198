"""Whether what failed may come right by itself, and whether it was the site that said no."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.errors import Bili2TextError
from bili2text.source.remedies import Failed, Fault, remedy

_REFUSED = (401, 403, 412, 429)  # what sites answer to those they take for robots
_TOO_MANY = "the site refuses us for too many requests"
_FINAL = (401, 403, 407)  # tried twice at once, for a worn-out address; the answer is the same an hour later


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error says about trying again."""

    passes: bool = False  # it may come right by itself
    refused: bool = False  # the site does not want us, whatever was asked of it
    wait: float = 0.0  # seconds the server asks for


def verdict(error: Bili2TextError) -> Verdict:
    """Return what is known about an error of a link; of any other, that trying again is no use."""
    cause = error.__cause__
    return _verdict(cause.fault) if isinstance(cause, Failed) else Verdict()


def _verdict(fault: Fault) -> Verdict:
    cure = remedy(fault)
    refused = fault.status in _REFUSED or cure.what == _TOO_MANY
    passes = cure.again > 0 and fault.status not in _FINAL and fault.kind != "broken"
    return Verdict(passes, refused, fault.wait or 0.0)
