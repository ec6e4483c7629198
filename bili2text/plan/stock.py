"""The models there are to choose among: those on this disk, and the one that was asked for."""

from __future__ import annotations

from bili2text.errors import ModelError
from bili2text.models import store
from bili2text.models.catalog import Dims, HubId, LocalFolder, ModelCard, card_named, resolve
from bili2text.models.store import Places
from bili2text.models.weights import read_dims
from bili2text.plan.values import Stock, Wishes
from bili2text.progress import Progress

# Of a model that is not here to be looked at: the largest there is.
_UNKNOWN = Dims(32, 32, 1280, 20, 128, 51866)
_ABOVE_ALL = 1000  # the rank of a model nobody ranked: it was asked for by name, and is compared with none


def stock(wishes: Wishes, places: Places, progress: Progress, *, may_download: bool) -> Stock:
    """Return the models to choose among.

    Raises UsageError for a name that is none, ModelError for a folder that holds no model.
    """
    found = (card_named(folder.name) for folder in store.on_disk(places))
    on_disk = tuple(card for card in found if card is not None)
    if wishes.model == "auto":
        return Stock(on_disk, may_download)
    named, here = _named(wishes.model, places, progress)
    if here and named not in on_disk:
        on_disk = (*on_disk, named)
    return Stock(on_disk, may_download, named)


def _named(name: str, places: Places, progress: Progress) -> tuple[ModelCard, bool]:
    """Return a card for the model asked for, with the shape of what lies on the disk, and whether it does."""
    model = resolve(name)
    folder = store.find(name, places, progress)
    if isinstance(model, ModelCard):
        return model, folder is not None
    if folder is None and isinstance(model, LocalFolder):
        raise ModelError(f"no such model folder: {name}", hint="check the path, or pass a model's name")
    dims = _UNKNOWN if folder is None else read_dims(folder.path / "model.bin")
    repo = model.repo if isinstance(model, HubId) else ""
    card = ModelCard(name, repo, english_only=False, translates=True, dims=dims, rank=_ABOVE_ALL)
    return card, folder is not None
