"""Whether CTranslate2 can use a card: asked of its own file, without importing it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bili2text.gpu import libraries
from bili2text.gpu.libraries import card_problem, has_cuda

BUILT = b"\x7fELF" + bytes(4096)


def test_a_build_with_cuda_is_told_from_one_without_and_what_cannot_be_read_is_not_judged(
    tmp_path: Path,
) -> None:
    for name, data, expected in (("with", BUILT + b"CT2_CUDA_ALLOCATOR\0", True), ("without", BUILT, False)):
        (tmp_path / name).write_bytes(data)
        assert has_cuda(tmp_path / name) is expected
    (tmp_path / "empty").touch()
    assert has_cuda(tmp_path / "empty")
    assert has_cuda(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "darwin", reason="no CUDA there")
def test_the_installed_wheel_is_found_and_was_built_with_cuda() -> None:
    found = libraries._engines()
    assert found
    if "aarch64" not in str(found[0]):
        assert all(map(has_cuda, found))


def test_without_cuda_in_it_cublas_is_not_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libctranslate2.so").write_bytes(BUILT)
    monkeypatch.setattr(libraries, "_engines", lambda: (tmp_path / "libctranslate2.so",))
    assert card_problem().startswith("this CTranslate2 was built without CUDA; ")
    monkeypatch.setattr(libraries, "_engines", lambda: ())
    assert "without CUDA" not in card_problem()
