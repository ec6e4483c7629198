import re

import pytest

from bili2text.errors import UsageError
from bili2text.models import manifest
from bili2text.models.catalog import CARDS, HubId, LocalFolder, ModelCard, card_named, folder_name, resolve

REQUIRED = "tiny tiny.en base base.en small small.en medium medium.en large-v1 large-v2 large-v3 \
    large-v3-turbo distil-large-v3 distil-large-v3.5 distil-large-v2 distil-medium.en distil-small.en".split()


@pytest.mark.parametrize("name", REQUIRED)
def test_every_promised_name_has_a_card_and_full_pins(name):
    card, pins = card_named(name), manifest.pins_of(name)
    assert card.name == name
    assert pins.repo == card.repo
    assert pins.complete
    assert re.fullmatch(r"[0-9a-f]{40}", pins.revision)
    names = [file.name for file in pins.files]
    assert names[-1] == "model.bin"
    assert {"config.json", "tokenizer.json"} <= set(names)
    assert {"vocabulary.txt", "vocabulary.json"} & set(names)
    assert all(manifest.is_model_file(file.name) for file in pins.files)
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in pins.files)


def test_no_two_models_share_their_weights_and_every_pin_has_a_card():
    weights = [pins.files[-1].sha256 for pins in manifest.all_pins()]
    assert len(set(weights)) == len(weights) == len(CARDS)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_pinned_size_is_what_the_dimensions_predict(card):
    size = manifest.pins_of(card.name).files[-1].size
    if size is None:
        pytest.skip("no source states the size")
    numbers = parameters(card.dims)
    # Two bytes a number, and a table of names that takes at most 40 bytes a variable.
    assert 2 * numbers < size < 2 * numbers + 100_000


def parameters(dims):
    d = dims.width
    attention, norm, feed = 4 * d * d + 4 * d, 2 * d, 8 * d * d + 5 * d
    encoder = 3 * d * dims.mels + d + 3 * d * d + d + 1500 * d + norm
    encoder += dims.encoder_layers * (attention + feed + 2 * norm)
    decoder = dims.vocab * d + 448 * d + norm + dims.decoder_layers * (2 * attention + feed + 3 * norm)
    return encoder + decoder


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("large", "large-v3"),
        ("turbo", "large-v3-turbo"),
        ("Large_V3", "large-v3"),
        (" base ", "base"),
        ("Systran/faster-whisper-small", "small"),
        ("distil-whisper/distil-large-v3.5-ct2", "distil-large-v3.5"),
    ],
)
def test_aliases_and_hub_ids_lead_to_the_card(text, name):
    assert resolve(text).name == name


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("someone/model", HubId("someone/model")),
        ("someone/model@abc123", HubId("someone/model", "abc123")),
        ("./base", LocalFolder("./base")),
        ("/models/base", LocalFolder("/models/base")),
        ("~/base", LocalFolder("~/base")),
        (r"C:\models\base", LocalFolder(r"C:\models\base")),
        ("a/b/c", LocalFolder("a/b/c")),
        ("../up/base", LocalFolder("../up/base")),
        ("someone/..", LocalFolder("someone/..")),
    ],
)
def test_other_texts_are_hub_ids_or_folders(text, meant):
    assert resolve(text) == meant


@pytest.mark.parametrize(("text", "hint"), [("larg-v3", "large-v3"), ("tubro", "turbo"), ("xyzzy", "hub id")])
def test_a_misspelt_name_is_refused_with_the_nearest(text, hint):
    with pytest.raises(UsageError) as caught:
        resolve(text)
    assert hint in caught.value.hint


def test_what_was_not_trained_to_translate_says_so():
    assert {card.name for card in CARDS if card.translates} == {
        "tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3"
    }  # fmt: skip
    assert all(
        card.english_only for card in CARDS if card.name.startswith("distil") or card.name[-3:] == ".en"
    )
    assert card_named("turbo").english_only is False


def test_names_of_folders_cannot_leave_the_cache():
    assert folder_name(HubId("a/b", "refs/pr/1")) == "a--b@refs-pr-1"
    assert all("/" not in folder_name(card) for card in CARDS if isinstance(card, ModelCard))
