"""What came of a translation is told, whatever else the run ends with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bili2text.errors import Incomplete, ModelError
from bili2text.lists.manifest import Manifest
from bili2text.lists.translations import Translations
from bili2text.progress import Silent
from bili2text.translate.notes import there_already
from bili2text.translate.records import Pin
from bili2text.translation_request import TranslationOutput, TranslationRequest, Untranslated
from cli import transcribing


@pytest.mark.parametrize(("lost", "kind"), [(5.0, Incomplete), (0.0, ModelError)])
def test_the_error_of_the_only_translation_is_told_once(
    lost: float, kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [SimpleNamespace(paths=(), lost=lost), Untranslated("a", ModelError("the model is gone"))]
    monkeypatch.setattr(transcribing, "_outcomes", lambda *_: iter(outcomes))
    values: dict[str, Any] = {
        "sources": ("a.wav",), "urls": (), "batch_file": None, "output_dir": "source", "playlist_items": None,
        "yes_playlist": False, "translate": "en", "as_json": False, "min_coverage": 0.5,
    }  # fmt: skip
    with pytest.raises(kind) as caught:
        transcribing.transcribe(values)
    told = capsys.readouterr().err + str(caught.value)
    assert told.count("the model is gone") == 1


def test_a_list_that_only_changes_its_script_needs_no_model(
    environ: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    wanted = TranslationRequest(
        "zh-Hant", models_dir=tmp_path / "none", resident=False, output=TranslationOutput(formats="srt")
    )
    with Manifest.open(tmp_path / "list") as manifest:
        found = Translations(manifest, wanted, Silent(), environ)
        found.check("zh")
        for language in ("en", None):
            with pytest.raises(ModelError):
                found.check(language)


def test_of_a_server_it_is_not_said_what_it_computes_in() -> None:
    pin = Pin("words", "", "api", "unknown", 8, "api", "http://127.0.0.1:9/v1")
    assert "by words, and is taken" in there_already(pin)
