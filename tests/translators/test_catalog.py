"""The models known by name: their shapes give the sizes they are sold by, and folders are recognised."""

from __future__ import annotations

import pytest

from bili2text.translators.catalog import CARDS, GUIDE, NAMED, card_of, profile_of

# As published on the model cards (Qwen3-0.6B also without its embedding); Qwen3-4B's to the number:
# 4,022,468,096, of which 9,216 are norms of queries and keys that a Shape leaves out.
PUBLISHED = {"Qwen3-8B": 8.19e9, "Qwen3-4B": 4_022_468_096, "Qwen3-1.7B": 1.72e9, "Qwen3-0.6B": 596_049_920}


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_a_shape_gives_the_published_number_of_parameters(name: str, published: float) -> None:
    card = card_of(name)
    assert card is not None
    assert card.shape is not None
    assert card.shape.parameters == pytest.approx(published, rel=6e-4)


def test_the_smallest_has_440_million_beside_its_embedding() -> None:
    card = card_of("Qwen3-0.6B")
    assert card is not None
    assert card.shape is not None
    assert card.shape.parameters - card.shape.vocab * card.shape.hidden == pytest.approx(0.44e9, rel=2e-3)


def test_what_a_card_says_of_its_size_is_what_its_shape_says() -> None:
    for card in CARDS:
        if card.shape is not None:
            assert card.billions == pytest.approx(card.shape.parameters / 1e9, rel=5e-3)
        assert card.repo.rpartition("/")[2] == card.name
        assert card.licence


def test_the_guides_order_is_kept_and_its_numbers() -> None:
    ranks = [card.rank for card in CARDS]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)
    order = [card.name for card in CARDS if card.name in NAMED]
    assert order == ["Qwen3-4B-FP8", "Qwen3-4B", "Qwen3-1.7B", "Qwen3-0.6B"]
    assert [card.guide_gb for card in CARDS if card.name in GUIDE] == [6.0, 8.0, 4.0]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Qwen3-4B", "Qwen3-4B"), ("qwen3-4b", "Qwen3-4B"), ("Qwen/Qwen3-4B-FP8", "Qwen3-4B-FP8"),
        ("Qwen3-4B-ct2-int8", "Qwen3-4B"), ("Qwen3-1.7B-int8_bfloat16", "Qwen3-1.7B"), ("Qwen3-1.7B-ct2", "Qwen3-1.7B"),
        ("Qwen3-4B-Base", None), ("Qwen3-4B-AWQ", None), ("Qwen3-14B", None), ("", None), ("ct2", None),
    ],
)  # fmt: skip
def test_a_folder_is_known_by_its_name_and_so_is_a_conversion(folder: str, name: str | None) -> None:
    card = card_of(folder)
    assert (card.name if card else None) == name


@pytest.mark.parametrize(
    ("name", "family", "profile"),
    [
        ("Qwen3-4B", "qwen3", "qwen3"), ("Qwen3-4B-Instruct-2507", "qwen3", "qwen"), ("my-qwen", "qwen3", "qwen3"),
        ("Qwen2.5-3B-Instruct", "qwen2", "qwen"), ("Hy-MT2-7B", "hunyuan_v1_dense", "hy-mt"),
        ("Hunyuan-MT-7B", "hunyuan_v1_dense", "hy-mt"), ("Hunyuan-7B-Instruct", "hunyuan_v1_dense", "chat"),
        ("Llama-3", "llama", "chat"), ("Qwen3-14B-ct2", "", "qwen3"), ("Qwen2.5-0.5B-ct2", "", "qwen"),
    ],
)  # fmt: skip
def test_a_model_is_asked_as_its_family_wants(name: str, family: str, profile: str) -> None:
    assert profile_of(name, family) == profile
