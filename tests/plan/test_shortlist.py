"""Which models a plan may choose among, and why not the others."""

from __future__ import annotations

import pytest

from bili2text.errors import ModelError, UsageError
from bili2text.models.catalog import CARDS, ModelCard, card_named
from bili2text.plan.shortlist import models
from bili2text.plan.values import Stock, Wishes

EVERY = Stock(CARDS)


def allowed(wishes: Wishes, stock: Stock = EVERY) -> set[str]:
    return {one.card.name for one in models(wishes, stock) if one.allowed}


def on_disk(*names: str, may_download: bool = False) -> Stock:
    return Stock(tuple(card for name in names if (card := card_named(name))), may_download)


def test_every_model_is_there_the_best_first() -> None:
    ranks = [one.card.rank for one in models(Wishes(), EVERY)]
    assert len(ranks) == len(CARDS)
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("language", [None, "zh", "de"])
def test_models_that_know_english_alone_are_for_english_alone(language: str | None) -> None:
    found = allowed(Wishes(language=language))
    assert not any(name.endswith(".en") or name.startswith("distil") for name in found)
    assert len(allowed(Wishes(language="en"))) == len(CARDS)


def test_models_that_were_not_trained_to_translate_do_not() -> None:
    found = allowed(Wishes(task="translate", language="en"))
    assert found == {"tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3"}


def test_the_limits_bound_the_choice_and_count_themselves() -> None:
    assert allowed(Wishes(min_model="small", max_model="medium")) == {"small", "medium"}
    assert allowed(Wishes(min_model="large", max_model="large-v3")) == {"large-v3"}
    assert "above --max-model small" in {one.ruled_out for one in models(Wishes(max_model="small"), EVERY)}


@pytest.mark.parametrize(
    ("wishes", "hint"),
    [
        (Wishes(min_model="large-v3", max_model="tiny"), "larger than the other"),
        (Wishes(min_model="small.en", max_model="small.en"), "no --language en"),
        (Wishes(min_model="turbo", max_model="turbo", task="translate"), "not trained to translate"),
        (Wishes(max_model="huge"), "models list"),
        (Wishes(model="no-such-model"), "models list"),
    ],
)
def test_limits_that_leave_nothing_are_refused_and_say_why(wishes: Wishes, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        models(wishes, EVERY)
    assert hint in error.value.hint


def test_offline_only_what_is_on_the_disk_is_chosen_and_the_rest_says_so() -> None:
    stock = on_disk("tiny", "small")
    assert allowed(Wishes(), stock) == {"tiny", "small"}
    assert {one.card.name for one in models(Wishes(), stock) if one.download_only} >= {"large-v3", "medium"}
    with pytest.raises(ModelError, match="offline") as error:
        models(Wishes(), on_disk())
    assert "bili2text models download large-v3" in error.value.hint
    with pytest.raises(ModelError, match="offline"):
        models(Wishes(task="translate", language="en"), on_disk("turbo", "tiny.en"))


def test_a_model_asked_for_is_the_only_one_and_need_not_be_ours() -> None:
    assert [one.card.name for one in models(Wishes("turbo", max_model="tiny"), EVERY)] == ["large-v3-turbo"]
    theirs = ModelCard("./mine", "", False, True, CARDS[0].dims, 1000)
    (found,) = models(Wishes("./mine"), Stock((theirs,), False, theirs))
    assert found.card is theirs
    assert found.on_disk


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        (Wishes("small.en", language="zh"), UsageError),
        (Wishes("distil-large-v3.5", language="de"), UsageError),
        (Wishes("turbo", task="translate"), UsageError),
        (Wishes("medium"), ModelError),
    ],
)
def test_a_model_asked_for_that_cannot_do_it_is_refused(wishes: Wishes, error: type[Exception]) -> None:
    with pytest.raises(error):
        models(wishes, on_disk("small.en", "turbo", "distil-large-v3.5"))
    assert [one.card.name for one in models(Wishes("small.en"), on_disk("small.en"))] == ["small.en"]
