"""What all connections of a server share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bili2text.serving.desk import Desk
from bili2text.serving.values import About, Limits


class Office:
    """The desk, who may come to it, and how many are being answered."""

    def __init__(self, desk: Desk, limits: Limits, model: str, token: str) -> None:
        """An empty `token` lets everybody in who reaches this computer's own addresses."""
        self.desk = desk
        self.limits = limits
        self.model = model
        self.token = token
        self.about: About | None = None  # how the model was loaded last
        self.closing = False  # answers are the last ones of their connections
        self._answering = 0
        self._changed = threading.Condition()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a request as being answered."""
        with self._changed:
            self._answering += 1
        try:
            yield
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until nobody is being answered, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._answering == 0, seconds)
