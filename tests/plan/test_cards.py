"""Which of several cards is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bili2text.errors import UsageError
from bili2text.gpu.known import simulated
from bili2text.plan.cards import named
from bili2text.plan.values import Wishes

ONE, TWO = (replace(simulated("RTX 4060"), index=index, uuid=f"GPU-{index}a") for index in (0, 1))
BOTH = (ONE, TWO)


def test_a_card_is_meant_by_its_index_by_its_uuid_or_by_both() -> None:
    assert named(Wishes(), BOTH) == BOTH
    assert named(Wishes(device="cuda"), BOTH) == BOTH
    for wished in (Wishes(device="cuda:1"), Wishes(gpu="gpu-1"), Wishes(device="cuda:1", gpu="GPU-1")):
        assert named(wished, BOTH) == (TWO,)
    assert named(Wishes(device="cpu"), BOTH) == ()
    assert named(Wishes(gpu="GPU-1"), ()) == ()


@pytest.mark.parametrize(
    ("wished", "message"),
    [
        (Wishes(device="cpu", gpu="GPU-1"), "the CPU"),
        (Wishes(device="cuda:0", gpu="GPU-1"), "--gpu names cuda:1, and --device cuda:0"),
        (Wishes(device="cuda:2"), "there is no card cuda:2"),
        (Wishes(gpu="GPU-2"), "no cards begin with"),
        (Wishes(gpu="GPU"), "2 cards begin with"),
    ],
)
def test_what_contradicts_itself_or_is_not_there_is_refused(wished: Wishes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        named(wished, BOTH)
    assert error.value.hint
