"""The shapes of students, and what the guide's sizes come to."""

from __future__ import annotations

import pytest

from bili2text.errors import UsageError
from bili2text.workshop.students import QWEN_VOCABULARY, STUDENTS, student


def test_the_sizes_are_what_the_documents_say() -> None:
    millions = {name: round(one.parameters / 1e6, 1) for name, one in STUDENTS.items()}
    assert millions == {"small": 13.0, "qwen-512": 98.8, "qwen-256": 42.3, "qwen-128": 19.9, "tiny": 1.1}


def test_the_embedding_alone_is_more_than_the_guide_gives_the_whole_model() -> None:
    assert QWEN_VOCABULARY * 512 > 43_000_000
    assert student("qwen-512").embedding / student("qwen-512").parameters > 0.75


def test_a_student_nobody_knows_is_one_line() -> None:
    with pytest.raises(UsageError, match="no student huge"):
        student("huge")
