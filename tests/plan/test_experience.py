"""What was measured on a card corrects the formula, and never the wrong way."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bili2text.models.catalog import CARDS, card_named
from bili2text.plan.experience import Experience, Need, Peak, Refused, Site
from bili2text.plan.footprint import Footprint, Setting, on_card

ADA = Site("NVIDIA GeForce RTX 4060", 8188, "570.86", "ctranslate2 4.8.5")
SMS = 24
HALF = Setting("float16", 4)

settings_ = st.builds(
    Setting,
    compute_type=st.sampled_from(("float16", "int8_float16", "float32")),
    batch_size=st.integers(1, 16),
    beam_size=st.sampled_from((1, 5)),
    best_of=st.sampled_from((1, 5)),
    encoder_batch=st.none() | st.integers(1, 4),
    word_timestamps=st.booleans(),
)
models = st.sampled_from([card.name for card in CARDS])
runs = st.builds(Peak, st.just(ADA), models, settings_, st.integers(300, 20000), out_of_memory=st.just(False))
peaks = st.builds(Peak, st.just(ADA), models, settings_, st.integers(300, 20000), st.booleans())


def computed(model: str, setting: Setting) -> Footprint:
    card = card_named(model)
    assert card is not None
    return on_card(card.dims, setting, SMS)


def need(known: Experience, model: str, setting: Setting, site: Site = ADA) -> Need:
    return known.need(site, model, setting, computed(model, setting))


def learned(*figures: Peak) -> Experience:
    known = Experience()
    for figure in figures:
        known = known.with_peak(figure)
    return known


def run(model: str, setting: Setting, factor: float) -> Peak:
    return Peak(ADA, model, setting, round(factor * computed(model, setting).peak))


def lack(model: str, setting: Setting, mib: int) -> Peak:
    return Peak(ADA, model, setting, mib, out_of_memory=True)


def test_without_experience_the_need_is_what_was_computed() -> None:
    found = need(Experience(), "medium", HALF)
    assert found.origin == "computed"
    assert 0 <= found.mib - computed("medium", HALF).peak < 1


def test_a_run_of_the_same_setting_wins_with_three_percent_to_spare() -> None:
    for factor in (0.95, 1.1, 1.6):
        known = run("medium", HALF, factor)
        found = need(learned(known), "medium", HALF)
        assert found.origin == "measured"
        assert 0 <= found.mib - 1.03 * known.mib <= 1


def test_a_run_far_below_the_formula_is_not_believed_altogether() -> None:
    found = need(learned(run("medium", HALF, 0.5)), "medium", HALF)
    assert 0 <= found.mib - 0.9 * computed("medium", HALF).peak <= 1


def test_other_models_on_the_card_correct_the_formula_within_bounds() -> None:
    known = learned(
        run("small", HALF, 1.2), run("medium", HALF, 1.2), run("medium", replace(HALF, batch_size=8), 1.2)
    )
    found = need(known, "large-v3-turbo", HALF)
    formula = computed("large-v3-turbo", HALF)
    assert found.origin == "learned"
    assert formula.peak < found.mib <= 1 + formula.peak + 0.3 * (formula.activations + formula.context)


def test_a_context_that_is_smaller_than_thought_leaves_more_room() -> None:
    least = 0.95 * computed("tiny", HALF).context
    exact = [computed(name, HALF) for name in ("tiny", "small", "medium")]
    taken = (round(one.peak - one.context + least) for one in exact)
    known = learned(
        *(Peak(ADA, n, HALF, mib) for n, mib in zip(("tiny", "small", "medium"), taken, strict=True))
    )
    formula = computed("large-v3", HALF)
    assert abs(need(known, "large-v3", HALF).mib - (formula.peak - formula.context + least)) < 10


def test_out_of_memory_raises_whatever_the_formula_puts_above_and_nothing_below() -> None:
    free = round(computed("medium", HALF).peak) + 300
    known = learned(lack("medium", HALF, free))
    assert need(known, "medium", HALF).mib > free
    assert need(known, "medium", replace(HALF, batch_size=5)).mib > free
    assert need(known, "large-v3", HALF).mib > free
    assert need(known, "medium", replace(HALF, batch_size=2)).origin == "computed"


def test_a_later_run_of_that_setting_takes_the_lack_of_memory_back() -> None:
    good = run("medium", HALF, 1.0)
    free = good.mib + 300
    assert need(learned(lack("medium", HALF, free), good), "medium", HALF).mib < free
    assert need(learned(good, lack("medium", HALF, free)), "medium", HALF).mib > free
    assert need(learned(good, lack("medium", HALF, free), good), "medium", HALF).mib < free


def test_nothing_carries_over_to_another_card_driver_or_library() -> None:
    known = learned(run("medium", HALF, 1.2), lack("small", HALF, 6000))
    known = known.with_refused(Refused(ADA, "float16", "gave no text"))
    for other in (
        replace(ADA, card="Tesla T4"),
        replace(ADA, driver="571.1"),
        replace(ADA, library="ctranslate2 4.9.0"),
        replace(ADA, total_mib=16380),
    ):
        assert need(known, "medium", HALF, other).origin == "computed"
        assert known.refusals(other) == {}
    assert known.refusals(ADA) == {"float16": "gave no text"}


def test_a_model_of_the_users_own_is_known_by_its_runs_alone() -> None:
    formula = computed("medium", HALF)
    known = learned(Peak(ADA, "./mine", HALF, 9000))
    assert known.need(ADA, "./mine", HALF, formula).mib == 9270
    assert known.need(ADA, "./other", HALF, formula).origin == "computed"


@given(st.lists(peaks, max_size=8), models, settings_)
def test_the_need_is_never_under_nine_tenths_of_the_formula(known, model, setting) -> None:
    assert need(learned(*known), model, setting).mib >= 0.9 * computed(model, setting).peak


@given(st.lists(peaks, max_size=8), models, settings_)
def test_a_larger_batch_never_needs_less(known, model, setting) -> None:
    larger = replace(setting, batch_size=setting.batch_size + 1)
    experience = learned(*known)
    assert need(experience, model, larger).mib >= need(experience, model, setting).mib


@given(st.lists(peaks, min_size=1, max_size=8))
def test_no_measured_peak_is_undercut(known) -> None:
    experience = learned(*known)
    for one in known:
        if not one.out_of_memory:
            assert need(experience, one.model, one.setting).mib >= one.mib


@given(
    st.lists(runs, min_size=2, max_size=6).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(some))
    ),
    runs,
)
def test_the_order_of_runs_does_not_matter(orders, asked) -> None:
    first, second = (need(learned(*order), asked.model, asked.setting) for order in orders)
    assert first == second
