"""The formula of memory against real files, real processes, and what others measured."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.models.catalog import CARDS, Dims, card_named
from bili2text.models.weights import check_shape, read_dims
from bili2text.plan import stages
from bili2text.plan.footprint import COMPUTE_TYPES, Setting, cpu_speed, on_card, on_cpu, workers
from bili2text.plan.stages import weights_bytes

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import footprints
import shapes

MEASURED = json.loads((footprints.MEASUREMENTS / "cpu_memory.json").read_text(encoding="utf-8"))
ENCODE = """
import json, sys
from pathlib import Path
import ctranslate2
import numpy as np
whisper = ctranslate2.models.Whisper(sys.argv[1], compute_type="float32", intra_threads=1)
peaks = []
for windows in (1, 4):
    Path("/proc/self/clear_refs").write_text("5")
    whisper.encode(ctranslate2.StorageView.from_array(np.zeros((windows, 80, 3000), np.float32)))
    status = Path("/proc/self/status").read_text().split()
    peaks.append(int(status[status.index("VmHWM:") + 1]) / 1024)
print(json.dumps(peaks))
"""


def dims_of(name: str) -> Dims:
    card = card_named(name)
    assert card is not None
    return card.dims


def stored_bytes(model_bin: Path) -> int:
    with_arrays = (one for one in shapes.read_pattern(model_bin).variables if one.shape)
    return sum(2 * math.prod(one.shape) for one in with_arrays)


@pytest.mark.parametrize("fixture", ["base_folder", "tiny_en_folder"])
def test_float16_weights_are_the_bytes_of_the_arrays_in_a_real_file(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    model_bin = request.getfixturevalue(fixture) / "model.bin"
    assert weights_bytes(read_dims(model_bin), "float16") == stored_bytes(model_bin)


@pytest.mark.parametrize(
    ("name", "mib"),
    [("small", 242), ("medium", 748), ("large-v3", 1502), ("large-v3-turbo", 798), ("distil-large-v3", 747)],
)
def test_int8_weights_have_a_scale_for_each_row(name: str, mib: int) -> None:
    assert round(weights_bytes(dims_of(name), "int8_float32") / 2**20) == mib


def test_only_a_vocabulary_that_tensor_cores_dislike_is_held_twice() -> None:
    assert on_card(dims_of("base.en"), Setting("float16"), 60).padding == 0
    assert on_card(dims_of("base"), Setting("float32"), 60).padding == 0
    assert on_card(dims_of("large-v3"), Setting("float16"), 60).padding == pytest.approx(126.6, abs=0.1)


def test_published_peaks_are_met_within_five_percent_at_the_median() -> None:
    assert footprints.median_error() <= 0.05


def test_the_table_of_memory_is_what_the_formula_says_today() -> None:
    written = (footprints.MEASUREMENTS / "memory.csv").read_text(encoding="utf-8")
    assert written == footprints.table(), "run scripts/footprints.py"


@pytest.mark.parametrize(
    "run", MEASURED["runs"], ids=lambda r: f"{r['model']}-{r['compute_type']}-{r['batch']}"
)
def test_no_measured_process_took_more_ram_than_the_formula_says_nor_much_less(run: dict) -> None:
    peak = max(stage["peak_mib"] for stage in run["stages"].values())
    bound = footprints.cpu_bound(run)
    assert bound >= peak
    if run["model"] not in ("tiny.en", "base"):
        assert bound <= 1.25 * peak


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is the Linux kernel's")
def test_a_window_more_costs_the_encoder_what_the_formula_says(base_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENCODE, str(base_folder)], capture_output=True, text=True, check=True
    )
    one, four = json.loads(done.stdout)
    assert (four - one) / 3 == pytest.approx(stages.encoding(dims_of("base"), 4) / 2**20, rel=0.15)


@given(
    card=st.sampled_from(CARDS),
    compute_type=st.sampled_from(COMPUTE_TYPES),
    batch=st.integers(1, 40),
    beam=st.integers(1, 8),
    best_of=st.integers(1, 8),
    at_once=st.none() | st.integers(1, 8),
    words=st.booleans(),
)
def test_asking_more_never_takes_less(card, compute_type, batch, beam, best_of, at_once, words) -> None:
    setting = Setting(compute_type, batch, beam, best_of, at_once, words)
    more = (
        Setting(compute_type, batch + 1, beam, best_of, at_once, words),
        Setting(compute_type, batch, beam + 1, best_of, at_once, words),
        Setting(compute_type, batch, beam, best_of + 1, at_once, words),
        Setting(compute_type, batch, beam, best_of, None if at_once is None else at_once + 1, words),
        Setting(compute_type, batch, beam, best_of, at_once, True),
        Setting(compute_type, batch, beam, best_of, at_once, words, marks=True),
    )
    for place in (lambda one: on_card(card.dims, one, 24), lambda one: on_cpu(card.dims, one)):
        least = place(setting)
        assert all(place(one).peak >= least.peak for one in more)
        line, _, total = least.arithmetic().rpartition(" = ")
        assert sum(int(part.split()[-1]) for part in line.split(" + ")) == int(total.split()[0])
        assert least.peak <= int(total.split()[0]) < least.peak + 4


def test_a_window_decoded_again_waits_beside_the_batch_that_is_held() -> None:
    large = dims_of("large-v3")
    alone, among = (on_card(large, Setting("float16", batch), 60).again for batch in (1, 9))
    assert among - alone == pytest.approx(8 * 1500 * 1280 * 2 / 2**20)
    assert on_card(large, Setting("float16", 9, best_of=1), 60).again < alone / 3


def test_windows_encoded_one_by_one_leave_turbo_to_its_small_decoder() -> None:
    turbo = dims_of("large-v3-turbo")
    together, singly = Setting("float16", 16), Setting("float16", 16, encoder_batch=1)
    assert on_card(turbo, together, 60).encoder == pytest.approx(16 * on_card(turbo, singly, 60).encoder)
    assert on_card(turbo, singly, 60).peak < on_card(turbo, together, 60).peak


def test_an_unknown_number_of_multiprocessors_counts_as_sixty() -> None:
    assert on_card(dims_of("base"), Setting("float16"), 0) == on_card(dims_of("base"), Setting("float16"), 60)


@pytest.mark.parametrize(
    "run", MEASURED["runs"], ids=lambda r: f"{r['model']}-{r['compute_type']}-{r['batch']}"
)
def test_the_speed_of_a_cpu_is_within_a_factor_of_two_of_what_was_measured(run: dict) -> None:
    if run["told"]:
        pytest.skip("speech is not told 223 tokens as a rule")
    taken = run["stages"]
    hundred_tokens = (
        taken["encoder"]["seconds"] + taken["decoder"]["seconds"] * 100 / taken["decoder"]["tokens"]
    )
    speed = cpu_speed(dims_of(run["model"]), Setting(run["compute_type"], run["batch"]), MEASURED["cores"])
    assert 0.5 <= speed / (run["batch"] * 28 / hundred_tokens) <= 2


def test_more_work_on_a_cpu_is_slower_and_more_cores_are_not() -> None:
    setting = Setting("int8", 4)
    speeds = [
        cpu_speed(dims_of(name), setting, 4) for name in ("tiny", "base", "small", "medium", "large-v3")
    ]
    assert speeds == sorted(speeds, reverse=True)
    assert cpu_speed(dims_of("base"), setting, 8) > cpu_speed(dims_of("base"), setting, 4)
    assert cpu_speed(dims_of("base"), setting, 4) > cpu_speed(dims_of("base"), Setting("float32", 4), 4)


@given(threads=st.integers(0, 256), batch=st.integers(1, 64))
def test_workers_share_nearly_all_threads_and_none_is_without_a_window(threads: int, batch: int) -> None:
    count = workers(threads, batch)
    assert 1 <= count <= min(batch, max(threads, 1))
    assert count == 1 or count * (threads // count) >= 0.8 * threads


def test_as_many_workers_as_cores_up_to_eight() -> None:
    assert [workers(cores, 16) for cores in (1, 2, 4, 8, 12, 16, 64)] == [1, 2, 4, 8, 6, 8, 8]
    assert workers(8, 1) == 1


def test_more_workers_hold_more_of_what_they_compute_with() -> None:
    base, setting = dims_of("base"), Setting("int8", 8)
    found = [on_cpu(base, setting, workers=count).peak for count in (1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_a_made_model_has_the_shape_asked_for_and_speaks(base_folder: Path, tmp_path: Path) -> None:
    import numpy as np
    from faster_whisper import WhisperModel

    dims = Dims(2, 3, 128, 2, 128, 51866)
    shapes.make(tmp_path, dims, base_folder)
    assert check_shape(tmp_path) == dims
    assert weights_bytes(dims, "float16") == stored_bytes(tmp_path / "model.bin")
    whisper = WhisperModel(str(tmp_path), device="cpu", cpu_threads=1, compute_type="float32")
    assert (whisper.model.is_multilingual, whisper.model.n_mels) == (True, 128)
    assert whisper.hf_tokenizer.token_to_id("<|yue|>") == 50358
    encoded = whisper.encode(np.zeros((2, 128, 3000), np.float32))
    start = [50258, 50358, 50360]  # begin, in Cantonese, transcribe
    said = whisper.model.generate(encoded, [start] * 2, beam_size=2, max_length=20, return_scores=True)
    assert all(np.isfinite(one.scores[0]) for one in said)
    assert whisper.model.align(encoded, start, [[50, 51]] * 2, 3000)[0].alignments


def test_a_vocabulary_that_base_cannot_become_is_refused(base_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot become"):
        shapes.make(tmp_path, Dims(2, 3, 128, 2, 80, 51864), base_folder)
