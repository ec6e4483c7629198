"""Which models a plan may choose among, and why not the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.errors import ModelError, UsageError
from bili2text.models.catalog import CARDS, ModelCard, card_named
from bili2text.plan.values import Stock, Wishes

WEAK = 30  # the rank of small: the guide calls the models below it rough
WEAK_CHINESE = 40  # of medium: the guide wants at least that for Chinese


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and why it may not be taken; "" when it may."""

    card: ModelCard
    on_disk: bool
    ruled_out: str = ""
    download_only: bool = False  # only the missing download rules it out

    @property
    def allowed(self) -> bool:
        """Whether it may be taken."""
        return not self.ruled_out


def models(wishes: Wishes, stock: Stock) -> tuple[Model, ...]:
    """Return the one model asked for, or all there are, the best first.

    Raises UsageError when --min-model or --max-model name nothing, or leave nothing between them,
    ModelError when none is on this disk and none may be downloaded.
    """
    if wishes.model != "auto":
        card = stock.named or card_named(wishes.model)
        if card is None:
            raise UsageError(
                f"no model is called {wishes.model!r}", hint="`bili2text models list` shows them"
            )
        return (_asked(card, wishes, stock),)
    low, high = _bounds(wishes)
    found = sorted((_model(card, wishes, stock, low, high) for card in CARDS), key=lambda one: -one.card.rank)
    if not any(low <= one.card.rank <= high and not _unfit(one.card, wishes) for one in found):
        raise UsageError(
            "--min-model and --max-model leave no model between them", hint=_between(low, high, wishes)
        )
    if not any(one.allowed for one in found):
        best = next(one.card.name for one in found if one.download_only)
        raise ModelError(
            "no model that may be used is on this disk, and offline nothing is downloaded",
            hint=f"once with a network: bili2text models download {best}",
        )
    return tuple(found)


def _between(low: int, high: int, wishes: Wishes) -> str:
    if low > high:
        return "the one is larger than the other"
    reasons = (_unfit(card, wishes) for card in CARDS if low <= card.rank <= high)
    return "what is between them " + "; or ".join(dict.fromkeys(reasons))


def _asked(card: ModelCard, wishes: Wishes, stock: Stock) -> Model:
    """Return the model that was asked for. Raises UsageError for what would answer wrongly, or ModelError."""
    if card.english_only and wishes.language not in (None, "en"):
        raise UsageError(
            f"{card.name} knows English alone, not {wishes.language!r}",
            hint="use a model without .en or distil",
        )
    if wishes.task == "translate" and not card.translates:
        raise UsageError(
            f"{card.name} was not trained to translate: it would repeat the original",
            hint="use --model large-v3 or medium",
        )
    if card not in stock.on_disk and not stock.may_download:
        raise ModelError(
            f"{card.name} is not on this disk, and offline nothing is downloaded",
            hint=f"once with a network: bili2text models download {card.name}",
        )
    return Model(card, card in stock.on_disk)


def _model(card: ModelCard, wishes: Wishes, stock: Stock, low: int, high: int) -> Model:
    here = card in stock.on_disk
    if why := _unfit(card, wishes):
        return Model(card, here, why)
    if card.rank > high:
        return Model(card, here, f"above --max-model {wishes.max_model}")
    if card.rank < low:
        return Model(card, here, f"below --min-model {wishes.min_model}")
    if not here and not stock.may_download:
        return Model(card, here, "not on this disk, and nothing is downloaded offline", download_only=True)
    return Model(card, here)


def _unfit(card: ModelCard, wishes: Wishes) -> str:
    """Return why a model would answer wrongly, or ""."""
    if card.english_only and wishes.language != "en":
        return (
            "knows English alone"
            if wishes.language
            else "knows English alone, and no --language en was given"
        )
    if wishes.task == "translate" and not card.translates:
        return "was not trained to translate"
    return ""


def _bounds(wishes: Wishes) -> tuple[int, int]:
    ranks = []
    for option, name in (("--min-model", wishes.min_model), ("--max-model", wishes.max_model)):
        card = None if name is None else card_named(name)
        if name is not None and card is None:
            raise UsageError(
                f"{option}: no model is called {name!r}", hint="`bili2text models list` shows them"
            )
        ranks.append(None if card is None else card.rank)
    low, high = ranks
    return 0 if low is None else low, 1000 if high is None else high
