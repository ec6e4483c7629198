"""Where a reader's eye may rest: what it costs to end a line or a cue after an atom. Lower is better."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.subtitles.atoms import Atom, unspaced

SENTENCE = 0.0
CLAUSE = 3.0
CONJUNCTION = 6.0
PREPOSITION = 7.5
PLAIN = 9.0
CLINGING = 14.0  # after "the", before "的": grammatical, and a stumble
INNER = 17.0  # inside what Whisper aligned as one word
PAUSE_SECONDS = 0.25  # shorter is no pause: Whisper's word times are good to about 0.1 s
_PAUSE_GAIN = 8.0  # per second of pause
_MOST_GAIN = 5.0

_ENDS = frozenset(".!?…。！？．｡؟۔।॥։።។")
_CLAUSES = tuple(",;:，、；：､،؛—–")
_CLOSERS = "\"')]}»›’”」』）】》〉〕〗］｝"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("mr mrs ms dr prof st jr sr vs hon rev gen col capt lt no etc e.g i.e fig vol approx inc")
_OPENERS = _words(  # words that begin a clause, so that a break before them reads well
    "and but or nor so yet because since although though while whereas that which who whom whose when where "
    "if unless until after before than as"
)
_PREPOSITIONS = _words("of to in on at for with by from into about over under between through")
_LEANING = _words(  # words that lean on the next one
    "a an the my your his her its our their this these those is are was were be been have has had do does "
    "did not no very i we you he she they it will would can could should may might must"
)
_CLINGS_ENGLISH = _OPENERS | _PREPOSITIONS | _LEANING
_LINKS_CHINESE = tuple(
    _words(
        "但是 因为 因為 所以 而且 如果 然后 然後 不过 不過 虽然 雖然 因此 或者 以及 并且 並且 "
        "同时 同時 于是 於是 那么 那麼 可是 只是 其实 其實 还有 還有"
    )
)
# Single characters that nearly always end a Chinese phrase, and ones that begin it. Without a dictionary no
# more can be known; those that are often a word's second half (在, 到, 和) are left out.
_CLOSES_PHRASE = frozenset("呢吗嗎吧啊")
_OPENS_PHRASE = frozenset("也把被让讓你她这這那并並从從")
_LEANS_BACK = frozenset("的了着著过過们們地得吗嗎呢吧啊呀嘛么麼个個儿兒")
_LEANS_ON = frozenset("第不很太更最也都就才又再没沒把被给給跟和与與或在从從对對向是这這那每各")


def ends_sentence(before: Atom, after: Atom | None) -> bool:
    """Return whether a sentence ends with `before`: not with "Mr.", an initial, or before a small letter."""
    text = before.text.rstrip(_CLOSERS)
    if not text or text[-1] not in _ENDS:
        return False
    if text[-1] not in ".…" or after is None:
        return True
    if after.text[:1].islower():
        return False
    stem = text[:-1].lstrip("\"'([“‘").lower()
    if text[-1] == "." and ((len(stem) == 1 and stem.isalpha()) or stem in _TITLES):
        return stem == "i"  # "So am I." is a sentence, "H. G. Bennet" is not three
    return after.spaced or unspaced(after.text[0])


def ends_clause(before: Atom) -> bool:
    """Return whether a comma, a colon or a dash ends `before`."""
    return before.text.rstrip(_CLOSERS)[-1:] in _CLAUSES or not before.text.strip("-—–")


def break_cost(pieces: Sequence[Atom], index: int, language: str) -> float:
    """Return the cost of a break between `pieces[index]` and the next one, which must exist."""
    before, after = pieces[index], pieces[index + 1]
    if ends_sentence(before, after):
        return SENTENCE
    if ends_clause(before):
        base = CLAUSE
    elif after.inner and not after.spaced:
        base = INNER
    elif unspaced(before.text[-1]) or unspaced(after.text[0]):
        base = _unspaced_cost(pieces, index)
    else:
        base = _spaced_cost(before.text, after.text, language)
    pause = after.start - before.end
    gain = min(_MOST_GAIN, pause * _PAUSE_GAIN) if pause >= PAUSE_SECONDS else 0.0
    return max(SENTENCE + 0.5, base - gain)


def _spaced_cost(before: str, after: str, language: str) -> float:
    if not after.strip("-—–"):
        return CLINGING  # a dash ends a line; it does not begin one
    word = before.lower().lstrip("\"'([“‘")
    if language == "en":
        if word in _CLINGS_ENGLISH:
            return CLINGING
        if after.lower() in _OPENERS:
            return CONJUNCTION
        return PREPOSITION if after.lower() in _PREPOSITIONS else PLAIN
    # In most languages with blanks the shortest words are articles and prepositions (de, la, un, в, z, w).
    return CLINGING if len(word) <= 2 and word.isalpha() else PLAIN


def _unspaced_cost(pieces: Sequence[Atom], index: int) -> float:
    before, after = pieces[index], pieces[index + 1]
    first, second = before.text[-1], after.text[0]
    if after.spaced and unspaced(first) and unspaced(second):
        return CLAUSE  # Whisper writes a blank between Chinese phrases where it writes no comma
    following = "".join(atom.text for atom in pieces[index + 1 : index + 3])
    if following.startswith(_LINKS_CHINESE):
        return CONJUNCTION
    if second in _LEANS_BACK or first in _LEANS_ON or first.isdigit():
        return CLINGING
    if first in _CLOSES_PHRASE or second in _OPENS_PHRASE:
        return PREPOSITION
    if _is_hiragana(first) != _is_hiragana(second):
        # Japanese: particles and endings are hiragana and close a phrase; what follows them opens one.
        return CONJUNCTION if _is_hiragana(first) else CLINGING
    return PLAIN


def _is_hiragana(character: str) -> bool:
    return "ぁ" <= character <= "ゟ"
