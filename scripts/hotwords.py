"""What hotwords cost where none of them is said, and what they bring where they are.

    python scripts/hotwords.py [--model base] [--json FILE] [FOLDER ...]

FOLDERs are as in accuracy.py, whose scorer this uses, and so is the sound without one. The language is given.
Needs the extra `bench`. The names in SAID are those of the project's own development set; on other sound
that row measures nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from accuracy import Clip, found, report, samples, units
from rapidfuzz.distance import Levenshtein

from bili2text import pipeline
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request, Result
from bili2text.seeds import seeded
from bili2text.settings import environment
from bili2text.terms import Term, hotwords
from bili2text.transcribe.engine import DecodeOptions
from bili2text.transcribe.run import Listening

LATIN = (
    "Stable Diffusion", "RTX 4060", "DeepSeek", "ChatGPT", "LoRA", "Hugging Face", "Zoë Kravitz", "Nolan",
    "Dune", "Villeneuve",
)  # fmt: skip
CHINESE = (
    "流浪地球", "刘慈欣", "黑神话", "悟空", "原神", "影视飓风", "何同学", "半佛仙人", "哔哩哔哩",
    "李永乐老师",
)  # fmt: skip
SAID = (
    "Newgate", "Caslon", "Chiswick", "Lady Willoughby", "Messrs. Miller and Richard", "H. G. Bennet",
    "沧浪之歌", "西马庄", "迪卡侬",
)  # fmt: skip
TITLE = ("《黑神话：悟空》用 RTX 4060 跑，DeepSeek R1 怎么看？", "", "何同学", ("数码", "科技", "教程"))
LISTS = {
    "none": (),
    "one name, not said": tuple(map(Term, LATIN[:1])),
    "ten Latin names, not said": tuple(map(Term, LATIN)),
    "ten Chinese names, not said": tuple(map(Term, CHINESE)),
    "a title's and its tags, not said": seeded(*TITLE),
    "nine names, all said": tuple(map(Term, SAID)),
}


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips = [clip for folder in options.folders or [samples()] for clip in found(folder)]
    rows = {name: measured(terms, clips, options.model) for name, terms in LISTS.items()}
    for name, groups in rows.items():
        print(
            f"{name:36}"
            + "".join(f"{group:>8} {row['errors']}/{row['units']}" for group, row in groups.items())
        )
    if options.json:
        about = {**report({}, options.model), "results": rows}
        options.json.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def measured(terms: tuple[Term, ...], clips: list[Clip], model: str) -> dict[str, dict[str, int]]:
    """Return the errors and units of each group of clips, and how many of the names said were written."""
    rows: dict[str, dict[str, int]] = {}
    ordered = sorted(clips, key=lambda clip: clip.language)
    for language, group in groupby(ordered, key=lambda clip: clip.language):
        same = list(group)
        for clip, text in zip(same, heard(same, hotwords(terms, language), model), strict=True):
            wanted = units(clip.text, language)
            row = rows.setdefault(clip.group, {"errors": 0, "units": 0, "names_said": 0, "names_written": 0})
            row["errors"] += Levenshtein.distance(wanted, units(text, language))
            row["units"] += len(wanted)
            row["names_said"] += sum(clip.text.count(name) for name in SAID)
            row["names_written"] += sum(min(text.count(name), clip.text.count(name)) for name in SAID)
    return rows


def heard(clips: list[Clip], told: str, model: str) -> Iterator[str]:
    """Yield what the program writes of clips in one language, everything but the hotwords at its default."""
    request = Request(
        tuple(str(clip.path) for clip in clips),
        wishes=Wishes(model=model, device="cpu"),
        listening=Listening(options=DecodeOptions(hotwords=told or None), language=clips[0].language),
        output=Output(folder="-", formats="txt"),
    )
    for outcome in pipeline.run(request, Silent(), environment()):
        if not isinstance(outcome, Result):
            raise SystemExit(str(outcome))
        yield " ".join(segment.text for segment in outcome.document.transcript.segments)


if __name__ == "__main__":
    sys.exit(main())
