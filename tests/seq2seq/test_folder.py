"""Which folders hold a translator of ours, and what is said of those that do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import small_run

from bili2text.errors import ModelError
from bili2text.seq2seq.folder import (
    CONVERTED,
    RECORD,
    Product,
    holds_product,
    is_run,
    read_product,
    write_product,
)
from bili2text.workshop.run import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a real one in int8, to be harmed."""
    return Path(shutil.copytree(small_run.converted("int8"), tmp_path / "model"))


def test_a_folder_is_read_as_it_was_written() -> None:
    folder = small_run.converted("float32")
    size = (folder / "model.bin").stat().st_size
    found = read_product(folder)
    assert found == Product(
        folder, "small", small_run.WAYS, small_run.POSITIONS, found.parameters, "float32", size
    )
    assert found.parameters * 4 < size  # so many numbers are in it, each in four bytes


def test_of_a_run_the_int8_model_goes_first(tmp_path: Path) -> None:
    assert tuple(Run(Path()).converted(one).name for one in ("int8", "float32")) == CONVERTED
    run = Path(shutil.copytree(small_run.run(), tmp_path / "run"))
    assert read_product(run).folder == run / "ct2-int8"
    shutil.rmtree(run / "ct2-int8")
    assert read_product(run).precision == "float32"
    assert holds_product(run)
    shutil.rmtree(run / "ct2-float32")
    assert (holds_product(run), is_run(run)) == (False, True)
    with pytest.raises(ModelError, match="not converted yet") as said:
        read_product(run)
    assert "workshop quantize" in said.value.hint


def test_a_record_replaces_the_one_before(folder: Path) -> None:
    write_product(folder, name="另一个\x1b[31m", ways=("en-zh",), positions=32, parameters=7)
    found = read_product(folder)
    assert (found.name, found.ways, found.positions, found.parameters) == ("另一个[31m", ("en-zh",), 32, 7)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "translator"}, "none of the workshop"),
        ({"format": 2}, "another version"),
        ({"ways": ["zh-ja"]}, "names no direction"),
        ({"ways": "zh-en"}, "names no direction"),
        ({"positions": 0}, "its positions"),
        ({"positions": True}, "its positions"),
        ({"parameters": 1 << 41}, "its parameters"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(folder: Path, changed: dict[str, object], said: str) -> None:
    told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps({**told, **changed}))
    with pytest.raises(ModelError, match=said):
        read_product(folder)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        (RECORD, b"{", "bili2text.json is not JSON"),
        (RECORD, b"\xff\xfe", "bili2text.json is not JSON"),
        (RECORD, b"[1]", "bili2text.json is no configuration"),
        (RECORD, b"[" * 100_000, "bili2text.json is not JSON"),
        ("model.bin", b"", "not a whole model"),
        ("model.bin", None, "model.bin is missing"),
        ("shared_vocabulary.json", None, "shared_vocabulary.json is missing"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_one_line(
    folder: Path, name: str, raw: bytes | None, said: str
) -> None:
    (folder / name).unlink()
    if raw is not None:
        (folder / name).write_bytes(raw)
    with pytest.raises(ModelError, match=said) as found:
        read_product(folder)
    assert "\n" not in found.value.message


def test_a_model_that_is_cut_short_or_has_no_vocabulary_is_refused(folder: Path) -> None:
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[:-1])
    with pytest.raises(ModelError, match="not a whole model"):
        read_product(folder)
    (folder / "model.bin").write_bytes(whole)
    shutil.rmtree(folder / "vocabulary")
    with pytest.raises(ModelError, match="vocabulary/ is missing"):
        read_product(folder)


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_of_something_else_is_none_of_ours(tmp_path: Path, made: bool) -> None:
    path = tmp_path / "nothing"
    if made:
        path.mkdir()
        (path / "model").write_text("a file, no folder")
    assert (holds_product(path), is_run(path)) == (False, False)
    with pytest.raises(ModelError, match="no model of the workshop" if made else "no folder"):
        read_product(path)
