"""What is said of a job as a whole while it is done. Pure."""

from __future__ import annotations

from typing import Literal

from bili2text.translate.records import Pin

OTHER_MODEL = "the model is not the one that was used so far"


def going_on(done: int, count: int) -> str:
    """Return what is said when a run begins with some of its sentences done; "" with none."""
    return f"going on: {done} of {count} sentences were translated before" if done else ""


def there_already(pin: Pin) -> str:
    """Return what is said of a job in which nothing is left to ask."""
    by = f"by {pin.model}" + (f" in {pin.precision}" if pin.engine != "api" else "")  # a server says none
    return f"all of it was translated before, {by}, and is taken from the journal; --fresh begins anew"


def once_more(count: int, why: Literal["copied", "failed"]) -> str:
    """Return what is said when sentences that were translated are asked for again."""
    what = {"copied": "has another sentence's translation", "failed": "needs review"}[why]
    return f"asking once more for what {what}: {count}"
