"""Whether FP8 weights can be computed offline, told from forged packages and caches."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bili2text.translators.float8 import float8

COMMIT = "b0b199bf716f33c14bb7a3ea9ca86b87e5635906"
REPO = "kernels-community/finegrained-fp8"
TABLE = f'_HUB_KERNEL_MAPPING: dict = {{"finegrained-fp8": {{"repo_id": "{REPO}", "version": 4}}}}\n'


@dataclass
class Forged:
    """A site-packages folder and a cache that hold all FP8 needs, until something is changed."""

    site: Path
    cache: Path

    def package(self, name: str, version: str, *requires: str) -> None:
        """Install a package's metadata in a version; the one before goes."""
        for old in self.site.glob(f"{name}-*.dist-info"):
            (old / "METADATA").unlink()
            old.rmdir()
        folder = self.site / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines]) + "\n")

    def source(self, text: str) -> None:
        """Write what transformers says of its kernels."""
        file = self.site / "transformers" / "integrations" / "hub_kernels.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def kernel(self, ref: str = "v4", build: str = "torch-cuda") -> Path:
        """Put a kernel into the cache and return its snapshot."""
        root = self.cache / f"kernels--{REPO.replace('/', '--')}"
        (root / "refs").mkdir(parents=True)
        (root / "refs" / ref).write_text(COMMIT)
        snapshot = root / "snapshots" / COMMIT
        (snapshot / "build" / build).mkdir(parents=True)
        (snapshot / "build" / build / "metadata.json").write_text("{}")
        return snapshot

    @property
    def environ(self) -> dict[str, str]:
        """The environment that leads to the cache."""
        return {"HF_HUB_CACHE": str(self.cache)}


@pytest.fixture
def forged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forged:
    made = Forged(tmp_path / "site", tmp_path / "cache")
    made.site.mkdir()
    made.package("transformers", "5.23.0", 'kernels<0.19,>=0.18.2; extra == "kernels"')
    made.package("torch", "2.13.0+cu128")
    made.package("accelerate", "1.15.0")
    made.package("triton", "3.7.0")
    made.package("kernels", "0.18.3")
    made.source("import nothing_that_exists\n" + TABLE)
    monkeypatch.syspath_prepend(str(made.site))
    return made


def test_it_is_ready_with_the_packages_and_the_kernel_in_the_cache(forged: Forged) -> None:
    forged.kernel()
    assert float8(forged.environ).ready
    assert not float8(forged.environ).why


@pytest.mark.parametrize("version", ["0.17.2", "0.19.0", "0.18.1"])
def test_a_version_of_kernels_that_transformers_refuses_is_named(forged: Forged, version: str) -> None:
    forged.kernel()
    forged.package("kernels", version)
    found = float8(forged.environ)
    assert not found.ready
    assert version in found.why
    assert "0.18.2" in found.why


def test_a_torch_without_cuda_or_a_switched_off_hub_is_not_ready(forged: Forged) -> None:
    forged.kernel()
    assert "USE_HUB_KERNELS" in float8({**forged.environ, "USE_HUB_KERNELS": "0"}).why
    forged.package("torch", "2.13.0+cpu")
    assert "without CUDA" in float8(forged.environ).why


def test_a_kernel_is_taken_only_in_the_version_asked_for_and_built_for_this_machine(forged: Forged) -> None:
    assert "not in the Hugging Face cache" in float8(forged.environ).why
    snapshot = forged.kernel(ref="v3")
    assert "v4 is not in" in float8(forged.environ).why
    (snapshot.parent.parent / "refs" / "v4").write_text(COMMIT)
    assert float8(forged.environ).ready
    (snapshot / "build" / "torch-cuda").rename(snapshot / "build" / "torch-rocm")
    assert "no build for this machine" in float8(forged.environ).why
    forged.source(TABLE.replace('"version": 4', '"version": 3'))
    (snapshot / "build" / "torch-rocm").rename(snapshot / "build" / "torch-universal")
    assert float8(forged.environ).ready, "the version is the one that the installed transformers asks for"


@pytest.mark.parametrize("text", ["", "_HUB_KERNEL_MAPPING = made()\n", "no python (", "X = 1\n"])
def test_a_transformers_that_does_not_say_which_kernel_is_not_ready(forged: Forged, text: str) -> None:
    forged.kernel()
    forged.source(text)
    assert "does not say" in float8(forged.environ).why


def test_a_local_kernel_comes_before_the_cache(forged: Forged, tmp_path: Path) -> None:
    snapshot = forged.kernel(ref="main")
    local = {**forged.environ, "LOCAL_KERNELS": f"other/kernel={tmp_path}:{REPO}={snapshot}"}
    assert not float8(forged.environ).ready
    assert float8(local).ready
    assert "LOCAL_KERNELS" in float8({**local, "LOCAL_KERNELS": f"{REPO}={tmp_path}"}).why


def test_a_cache_with_nonsense_in_it_is_no_kernel(forged: Forged) -> None:
    snapshot = forged.kernel()
    (snapshot.parent.parent / "refs" / "v4").write_text("../../../etc")
    assert not float8(forged.environ).ready


def test_asking_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import os, sys; from bili2text.translators.float8 import float8; float8(os.environ);"
        "sys.exit(bool({'torch', 'transformers', 'kernels', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
