"""The table of a list."""

from dataclasses import replace

from bili2text.cells import width
from bili2text.lists.table import fitted, lines
from bili2text.lists.values import Entry, exit_code, number

ONE = Entry((1,), "source", "a", "A talk", state="done", seconds=3671.0)
ENTRIES = (
    ONE,
    Entry((2,), "list", "l", "课程", state="done"),
    Entry(
        (2, 1),
        "line",
        "x",
        "第一课：机器学习导论与应用" * 4,
        index=1,
        state="failed",
        why="not found",
        code=3,
    ),
    Entry((2, 2), "line", "y", "👨‍👩‍👧 e\u0301", index=12, state="waiting"),
)


def test_columns_hold_for_chinese_and_a_list_is_no_line_of_its_own():
    *rows, total = lines(ENTRIES, 70)
    assert len(rows) == 3
    assert all(width(row) <= 70 for row in rows)
    starts = {
        width(row[: row.index(word)]) for row, word in zip(rows, ("A talk", "第一课", "👨"), strict=True)
    }
    assert len(starts) == 1
    assert total == "3 in all: 1 waiting, 1 done, 1 failed"
    assert "not found (3)" in rows[1]
    assert list(lines((), 70)) == ["nothing is in the list"]


def test_text_is_cut_between_what_a_reader_sees_as_characters():
    assert fitted("机器学习", 7) == "机器学…"
    assert fitted("e\u0301e\u0301e\u0301", 2) == "e\u0301…"
    assert fitted("short", 5) == "short"


def test_numbers_sort_as_the_list_does():
    assert number(ENTRIES[2], ENTRIES, numbered=None) == "01 "
    assert number(ENTRIES[3], ENTRIES, numbered=None) == "12 "
    assert number(ENTRIES[3], ENTRIES, numbered=True) == "02-12 "
    assert number(ONE, ENTRIES, numbered=None) == ""
    assert number(ONE, ENTRIES, numbered=True) == "01 "
    assert number(ENTRIES[3], ENTRIES, numbered=False) == ""
    many = (*ENTRIES, replace(ENTRIES[3], place=(2, 3), index=1000))
    assert number(ENTRIES[2], many, numbered=None) == "0001 "


def test_the_exit_code_says_the_worst():
    assert exit_code([ONE]) == 0
    assert exit_code([ONE, ENTRIES[3]]) == 6
    assert exit_code([ONE, replace(ONE, code=6, why="2.0 s of the sound are missing")]) == 6
    assert exit_code(ENTRIES) == 1
    assert exit_code([replace(ONE, kind="list", state="failed")]) == 1
    assert exit_code([]) == 0
