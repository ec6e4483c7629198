"""`workshop prepare`, as a user runs it, on real pairs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hsk import pairs

from bili2text.errors import Bili2TextError, SourceError, StorageError, UsageError
from bili2text.progress import Silent
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


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("--dev", 5000), SourceError, "too few for a dev of 5000"),
        (("--min-chars", 390), SourceError, "no pair is left"),
        (("--min-chars", 500), UsageError, "least is above the most"),
        (("nothing.xyz",), UsageError, "neither a file of pairs nor a collection"),
        (("wmt19",), SourceError, "cannot read wmt19"),  # no network in tests
        (("wmt19/nothing",), UsageError, "has no split nothing"),
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
        rows = [{"translation": {"zh": pair.zh, "en": pair.en}} for pair in part]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{number}.parquet")
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
