"""Transcribes a recording as `gpu-transcribe` does, again and again: `python -m acceptance.ours_child TASK`.

The whole program but for writing files: the recording is surveyed, journaled and heard group by group by the
engine in its own process, whose model is loaded once.
"""

from __future__ import annotations

import sys
from contextlib import closing

from acceptance.child_tools import errors_said, forced
from acceptance.children import say
from acceptance.clock import LANGUAGE, turns
from acceptance.values import Json, Task, task_of
from bili2text.audio.chunks import CutRules
from bili2text.pipeline import Transcribing
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Failed, ModelPlace, Output, Request, Result
from bili2text.settings import environment
from bili2text.transcribe.engine import DecodeOptions
from bili2text.transcribe.run import Listening


def main() -> int:
    """Return 0 when nobody asks any more, or when it failed in a way that was said."""
    task = task_of(sys.argv[1])
    with errors_said(), closing(Transcribing(request(task), Silent(), environment())) as transcribing:
        plan = transcribing.check()
        say({"plan": f"{plan.compute_type}, batch {plan.batch_size}, beam {plan.beam_size}"})
        turns(lambda: _heard(transcribing, task))
    return 0


def request(task: Task) -> Request:
    """Return what is asked of the program: this plan and no other, everything heard anew."""
    setting = task.setting
    return Request(
        (task.sound,),
        models=ModelPlace(offline=True),
        wishes=Wishes(
            model=task.folder,
            device=task.device,
            compute_type=setting.compute_type,
            batch_size=setting.batch_size,
            beam_size=setting.beam_size,
            language=LANGUAGE,
            auto_optimize=False,
            cpu_fallback=False,
        ),
        listening=once(task) if task.tokens else Listening(language=LANGUAGE),
        # on a card nothing else would do; on a CPU it has the windows that the other side has
        rules=CutRules(opening=0.0),
        output=Output(folder="-", formats="txt"),
        fresh=True,  # what was heard before would not be heard again
    )


def once(task: Task) -> Listening:
    """Return how to hear each window once, its text `task.tokens` long.

    Noise fails every threshold, and what it fails is heard again. Taken for silence, it is let be: that is
    judged after all of it was decoded.
    """
    options = DecodeOptions(
        temperatures=(0.0,),
        no_speech_threshold=-1.0,  # every probability is above it
        log_prob_threshold=None,
        **forced(task),
    )
    return Listening(options, language=LANGUAGE, second_look=False)


def _heard(transcribing: Transcribing, task: Task) -> Json:
    (item,) = transcribing.items(task.sound, Silent())
    outcome = transcribing.item(item)
    if isinstance(outcome, Failed):
        raise outcome.error
    if not isinstance(outcome, Result):
        raise TypeError("it was left out")  # `fresh` hears all of it
    return {
        "windows": outcome.report.chunks.heard,
        "words": len(" ".join(one.text for one in outcome.document.transcript.segments).split()),
        "seconds_of_sound": outcome.report.duration,
    }


if __name__ == "__main__":
    sys.exit(main())
