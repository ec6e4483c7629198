"""The values of a resident translator: where it listens, what it allows, how it is found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from bili2text.seq2seq.values import Way
from bili2text.translate.records import Pin
from bili2text.translators.values import Profile


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes at once, and how long it waits."""

    batch: int = 8  # prompts computed together, at most, where it is not told how the model was loaded
    gather: float = 0.01  # seconds that a first request waits for others to be computed with
    ttl: float = 0.0  # seconds without a request after which the model is unloaded; 0: never
    body: int = 1 << 20  # bytes of a request
    messages: int = 64  # turns of a chat
    new_tokens: int = 4096  # of a reply
    waiting: int = 256  # requests that wait for their batch; more are told to come again
    connections: int = 64  # open at once
    idle: float = 60.0  # seconds that a connection may say nothing, or a request take to arrive
    patience: float = 600.0  # seconds that a request waits for its reply
    grace: float = 10.0  # seconds that a batch may still take when the server is told to end


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, and where."""

    model: str  # its name, until it is loaded and told by another
    port: int | None = None  # of 127.0.0.1, 0 for any that is free; None: a Unix socket in the cache
    guarded: bool = True  # whether a token is wanted, so that no other user of this computer can ask


@dataclass(frozen=True, slots=True)
class About:
    """The model that is served, as it was loaded last: what a job of a run's own model goes by."""

    pin: Pin
    profile: Profile  # how it wants to be asked
    ways: tuple[Way, ...] = ()  # that it was made for; () for a chat model


@dataclass(frozen=True, slots=True)
class Resident:
    """A translator that runs, and how to reach it."""

    pid: int
    url: str  # for `Load.url`: http://127.0.0.1:PORT/v1, or unix:/path/of/a.socket
    token: str = field(repr=False)  # "" where none is wanted
    model: str
    batch: int  # prompts it computes together
    started: float  # seconds since the epoch
    about: About | None = None  # None: the server cannot tell

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that the model was made for; () for a chat model, or where it cannot tell."""
        return self.about.ways if self.about else ()
