"""`workshop prepare`, as a user runs it, on real pairs."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hsk import pairs

from bili2text.errors import Bili2TextError, SourceError, StorageError, UsageError
from bili2text.progress import Silent, Stage
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.corpus import SPLITS, open_split
from bili2text.workshop.data.filters import Rules, side_digests
from bili2text.workshop.data.prepare import PrepareRequest, prepare
from bili2text.workshop.data.prepared import prepared_of
from bili2text.workshop.data.sources import source
from cli.workshop_prepare import command

RULES = Rules(min_chars=3)


@pytest.fixture
def tsv(tmp_path: Path) -> Path:
    """What the package holds, placeholders and all."""
    path = tmp_path / "hsk.tsv"
    rows = [f"{pair.zh}\t{pair.en}\n" for pair in pairs()]
    rows[100:100] = ["树在风中摆动。\tplaceholder-p1\n", "他超过了别人。\tPH\n", rows[0], "没有\t\n"]
    path.write_text("".join(rows), encoding="utf-8")
    return path


def _splits(data: Path) -> dict[str, list[Pair]]:
    return {name: list(open_split(data, name)) for name in SPLITS}


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=True)


def test_every_pair_goes_to_one_split_and_what_was_dropped_is_counted(tsv: Path, tmp_path: Path) -> None:
    request = PrepareRequest((source(str(tsv)),), tmp_path / "data", RULES, dev=200, test=300)
    found = prepare(request, Silent())
    splits = _splits(request.out)
    assert {name: len(split) for name, split in splits.items()} == found.pairs
    assert (found.pairs["dev"], found.pairs["test"]) == (200, 300)
    assert found.read == 4276
    # two more rows of the package itself are there twice
    assert {key: found.dropped[key] for key in ("placeholder", "duplicate", "one-sided")} == {
        "placeholder": 2, "duplicate": 3, "one-sided": 1,
    }  # fmt: skip
    assert sum(found.pairs.values()) + sum(found.dropped.values()) == found.read
    assert found.unreadable == (f"{tsv}:104 (one-sided)",)
    assert prepared_of(request.out) == found
    assert not set(splits["train"]) & (set(splits["dev"]) | set(splits["test"]))
    assert sorted(path.name for path in request.out.iterdir()) == [
        "data.json",
        "dev.arrow",
        "test.arrow",
        "train.arrow",
    ]


def test_no_side_of_a_held_out_pair_is_in_train_however_it_is_written(tmp_path: Path) -> None:
    some = pairs()[:1000]
    loud = [Pair(f"“{pair.zh[:-1]}”！", "Something else that nobody said.") for pair in some[:400]]
    (tmp_path / "train.tsv").write_text("".join(f"{p.zh}\t{p.en}\n" for p in some + loud), encoding="utf-8")
    (tmp_path / "test.tsv").write_text("".join(f"{p.zh}\t{p.en}\n" for p in some[:100]), encoding="utf-8")
    request = PrepareRequest(
        (source(str(tmp_path / "train.tsv")),), tmp_path / "data", RULES, dev=50, test_sources=(source(str(tmp_path / "test.tsv")),)
    )  # fmt: skip
    found = prepare(request, Silent())
    splits = _splits(request.out)
    assert splits["test"] == some[:100]  # as it was given
    held = {side for name in ("dev", "test") for pair in splits[name] for side in side_digests(pair)}
    assert held.isdisjoint(side for pair in splits["train"] for side in side_digests(pair))
    assert found.dropped["overlap"] >= 200
    assert {side for pair in splits["test"] for side in side_digests(pair)}.isdisjoint(
        side for pair in splits["dev"] for side in side_digests(pair)
    )


def test_the_same_seed_gives_the_same_files_and_another_one_others(tsv: Path, tmp_path: Path) -> None:
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        request = PrepareRequest((source(str(tsv)),), tmp_path / name, RULES, dev=100, test=100, seed=seed)
        digests = prepare(request, Silent()).sha256
        written.append((digests, [(tmp_path / name / f"{split}.arrow").read_bytes() for split in SPLITS]))
    assert written[0] == written[1]
    assert all(written[0][0][name] != written[2][0][name] for name in SPLITS)
    train = _splits(tmp_path / "a")["train"]
    assert train != [pair for pair in pairs() if pair in set(train)]  # no longer in the order of the file


def test_a_limit_is_drawn_from_everything_not_from_the_beginning(tsv: Path, tmp_path: Path) -> None:
    request = PrepareRequest((source(str(tsv)),), tmp_path / "data", RULES, max_pairs=400)
    prepare(request, Silent())
    train = _splits(tmp_path / "data")["train"]
    assert len(train) == 400
    place = {pair: number for number, pair in enumerate(pairs())}
    quarters = Counter(4 * place[pair] // len(pairs()) for pair in train)
    assert min(quarters.values()) > 60


def test_the_command_takes_several_files_and_prints_what_data_json_says(tsv: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(
        json.dumps({"zh": "这是一个新的句子。", "en": "This is a new sentence."}) + "\n", encoding="utf-8"
    )
    done = _run(
        "--pairs",
        tsv,
        more,
        "--min-chars",
        3,
        "--dev",
        10,
        "--test",
        10,
        "--out",
        tmp_path / "data",
        "--json",
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "data" / "data.json").read_text(encoding="utf-8"))
    assert told["kept_of"][str(more)] == 1
    assert "placeholder" in done.stderr
    assert f"no pair: {tsv}:104" in done.stderr


def test_held_out_pairs_are_as_many_as_were_asked_for_and_none_has_an_empty_side(tmp_path: Path) -> None:
    rows = "".join(f"{p.zh}\t{p.en}\n" for p in pairs()[:300])
    (tmp_path / "all.tsv").write_text(rows, encoding="utf-8")
    (tmp_path / "test.tsv").write_text("\u200b\tNothing but what is invisible.\n" + rows, encoding="utf-8")
    one = replace(source(str(tmp_path / "test.tsv")), count=25)
    two = source(str(tmp_path / "all.tsv"))
    request = PrepareRequest(
        (replace(two, count=40), replace(two, count=60)), tmp_path / "data", RULES, test_sources=(one,)
    )
    found = prepare(request, Silent())
    assert (found.pairs["test"], found.dropped["one-sided"]) == (25, 1)
    assert found.kept_of == {str(tmp_path / "all.tsv"): 100}  # each source counts for itself


def test_two_at_once_in_one_folder_harm_nothing(tsv: Path, tmp_path: Path) -> None:
    request = PrepareRequest((source(str(tsv)),), tmp_path / "data", RULES, dev=10, test=10, overwrite=True)
    before = prepare(request, Silent())

    class Meanwhile(Silent):
        def note(self, text: str) -> None: ...

        def stage(self, name: str, total: float | None, unit: str) -> Stage:
            with pytest.raises(UsageError, match="another process is preparing in"):
                prepare(replace(request, seed=2), Silent())
            return super().stage(name, total, unit)

    assert prepare(request, Meanwhile()) == before == prepared_of(request.out)
    assert len(list(request.out.iterdir())) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf_8_is_written_down_as_far_as_it_can_be(tsv: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xe4.tsv")
    tsv.rename(path)
    request = PrepareRequest((source(str(path)),), tmp_path / "data", RULES)
    found = prepare(request, Silent())
    assert found == prepared_of(request.out)
    assert list(found.kept_of) == [f"{tmp_path}/??.tsv"]


def test_a_disk_that_is_full_at_the_end_leaves_what_was_there(
    tsv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = PrepareRequest((source(str(tsv)),), tmp_path / "data", RULES, dev=10, overwrite=True)
    prepare(request, Silent())
    before = {path.name: path.read_bytes() for path in request.out.iterdir()}
    monkeypatch.setattr("bili2text.workshop.data.prepare.write_whole", _full)
    with pytest.raises(StorageError, match="disk is full"):
        prepare(replace(request, seed=2), Silent())
    assert {path.name: path.read_bytes() for path in request.out.iterdir()} == before


def _full(path: Path, text: str, *, overwrite: bool) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("--dev", 5000), SourceError, "too few for a dev of 5000"),
        (("--min-chars", 390), SourceError, "no pair is left"),
        (("--min-chars", 500), UsageError, "least is above the most"),
        (("nothing.xyz",), UsageError, "neither a file of pairs nor a collection"),
        (("wmt19",), SourceError, "cannot read wmt19"),  # no network in tests
        (("wmt19/nothing",), UsageError, "has no split nothing"),
        (("wmt19:0",), UsageError, "neither a file of pairs nor a collection"),
        (("nowhere.tsv",), SourceError, "there is no file nowhere.tsv"),
        (("--test-file", "nowhere.tsv"), SourceError, "there is no file nowhere.tsv"),
        (("--preset", "student"), None, ""),
    ],
)
def test_what_cannot_be_done_is_one_line_and_keeps_what_was_there(
    arguments: tuple[object, ...], kind: type[Bili2TextError] | None, said: str, tsv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    assert _run(tsv, "--min-chars", 3, "--dev", 10, "--test", 10, "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    refused = _run(tsv, "--out", out)
    assert isinstance(refused.exception, StorageError)
    done = _run(tsv, "--min-chars", 3, "--dev", 0, "--test", 0, "--out", out, "--overwrite", *arguments)
    if kind is None:
        assert done.exit_code == 0
        return
    assert isinstance(done.exception, kind)
    assert said in done.exception.message
    assert "\n" not in done.exception.message
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_killed_run_leaves_what_was_there_and_the_next_one_removes_its_rest(
    tsv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    request = PrepareRequest((source(str(tsv)),), out, RULES, dev=10, test=10, overwrite=True)
    before = prepare(request, Silent())
    os.mkfifo(tmp_path / "slow.tsv")
    code = "import sys; from cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "workshop", "prepare", str(tsv), str(tmp_path / "slow.tsv"), "-o", str(out), "--overwrite"],
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        until = time.monotonic() + 60
        while not (out / ".pool").exists() and time.monotonic() < until:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert (out / ".pool").exists()
    assert prepared_of(out) == before
    assert sum(map(len, _splits(out).values())) == sum(before.pairs.values())
    prepare(request, Silent())
    assert not (out / ".pool").exists()


def test_a_collection_is_read_evenly_from_all_of_its_files_in_a_seeded_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bili2text.workshop.data.collections import mixed

    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0.1)  # after each file; 5 s
    parts = [pairs()[start : start + 1000] for start in (0, 1000, 2000)]
    for number, part in enumerate(parts):
        content = [{"translation": {"zh": pair.zh, "en": pair.en}} for pair in part]
        pq.write_table(pa.Table.from_pylist(content), tmp_path / f"{number}.parquet")
    files = sorted(map(str, tmp_path.glob("*.parquet")))

    def rows(seed: int) -> list[str]:
        opened = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
        return [row["translation"]["zh"] for row in mixed(opened, seed)]

    first = rows(1)
    assert sorted(first) == sorted(pair.zh for part in parts for pair in part)
    origin = {pair.zh: number for number, part in enumerate(parts) for pair in part}
    assert all(280 < count < 320 for count in Counter(origin[zh] for zh in first[:900]).values())
    assert rows(1) == first
    assert rows(2) != first


def test_as_many_pairs_are_kept_of_a_collection_as_were_asked_for() -> None:
    assert source("wmt19:5_000_000").count == 5_000_000
    assert (source("opus100/test").split, source("opus100").split) == ("test", "train")
    assert source("wmt19.tsv").split == ""
    assert (source("wmt19", "validation").split, source("opus100/test", "validation").split) == (
        "validation",
        "test",
    )
