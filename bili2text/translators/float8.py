"""Whether transformers could compute FP8 weights as such, offline. Imports neither torch nor transformers.

transformers 5 has no FP8 code of its own: at the first forward, after a good load, it asks the package
`kernels` for a kernel of the hub (integrations/finegrained_fp8.py, integrations/hub_kernels.py). Which one,
and which `kernels`, is read from the transformers that is installed. What the card must be able to do
(`values.FLOAT8_FROM`) is the plan's to know.
"""

from __future__ import annotations

import ast
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from bili2text.models.hfcache import hub_cache
from bili2text.translators.values import Float8

_KERNEL = "finegrained-fp8"
_TABLE = "_HUB_KERNEL_MAPPING"
_SOURCE = "transformers/integrations/hub_kernels.py"
_TRITON = ("triton", "pytorch-triton", "triton-windows")  # who ships the module
_TRUE = {"1", "ON", "YES", "TRUE"}  # as transformers reads a switch (utils/import_utils.py)
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def float8(environ: Mapping[str, str]) -> Float8:
    """Return whether all that FP8 needs beside the card is on this machine, or what is missing, in a line."""
    why = _libraries() or _switched_off(environ)
    if why:
        return Float8(False, why)
    wanted = _wanted()
    if wanted is None:
        return Float8(False, f"this transformers does not say which {_KERNEL} kernel it takes")
    why = _kernel(environ, *wanted)
    return Float8(not why, why)


def _libraries() -> str:
    """Return which library is missing or of the wrong version, or ""."""
    for name in ("transformers", "torch", "accelerate"):
        if not _version(name):
            return f"{name} is not installed"
    if _version("torch").endswith("+cpu"):
        return "this torch was built without CUDA"
    if not any(map(_version, _TRITON)):
        return "triton is not installed"
    asked = _range()
    found = _version("kernels")
    if not found:
        return f"the package kernels ({asked or 'any version'}) is not installed"
    if not _within(found, asked):
        return f"transformers needs kernels {asked}, installed is {found}"
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _range() -> str:
    """Return the versions of `kernels` that transformers' metadata asks for, as ">=0.18.2,<0.19"."""
    from packaging.requirements import Requirement

    for line in distribution("transformers").requires or []:
        needed = Requirement(line)
        if needed.name == "kernels":
            return str(needed.specifier)
    return ""


def _within(found: str, asked: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(asked).contains(found, prereleases=True)


def _switched_off(environ: Mapping[str, str]) -> str:
    value = environ.get("USE_HUB_KERNELS", "YES")
    return "" if value.upper() in _TRUE else f"USE_HUB_KERNELS={value} switches its kernel off"


def _wanted() -> tuple[str, int] | None:
    """Return the kernel's repository and version, from the source of transformers; None where it has none."""
    source = Path(str(distribution("transformers").locate_file(_SOURCE)))
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        table = next(_tables(tree))[_KERNEL]
        return str(table["repo_id"]), int(table["version"])
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, StopIteration):
        return None


def _tables(tree: ast.Module) -> Iterator[Any]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        named = any(isinstance(target, ast.Name) and target.id == _TABLE for target in targets)
        if named and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            yield ast.literal_eval(node.value)


def _kernel(environ: Mapping[str, str], repo: str, wanted: int) -> str:
    """Return why the kernel cannot be loaded offline, or ""."""
    override = _override(environ.get("LOCAL_KERNELS", ""), repo)
    if override is not None:
        if _built(override) or _built(override / "build") or (override / "metadata.json").is_file():
            return ""
        return f"LOCAL_KERNELS names {override}, which holds no build of {repo} for this machine"
    snapshot = _snapshot(environ, repo, wanted)
    if snapshot is None:
        return f"the kernel {repo} v{wanted} is not in the Hugging Face cache"
    if not _built(snapshot / "build"):
        return f"the cached kernel {repo} v{wanted} has no build for this machine"
    return ""


def _override(value: str, repo: str) -> Path | None:
    """Return what LOCAL_KERNELS ("repo=path:repo=path", kernels/load.py) says of a repository."""
    for entry in value.split(":"):
        name, _, path = entry.partition("=")
        if name == repo and path:
            return Path(path)
    return None


def _snapshot(environ: Mapping[str, str], repo: str, wanted: int) -> Path | None:
    """Return the kernel's folder in the cache, found as `kernels` finds it offline (kernels/_versions.py).

    It goes by the branch's name in "refs". `kernels` itself downloads by commit, which leaves no such name:
    what it fetched online it does not find offline (seen in 0.17.2); `hf download --revision v4` leaves it.
    """
    cache = Path(environ["KERNELS_CACHE"]) if environ.get("KERNELS_CACHE") else hub_cache(environ)
    root = cache / f"kernels--{repo.replace('/', '--')}"
    try:
        commit = (root / "refs" / f"v{wanted}").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        return None
    folder = root / "snapshots" / commit
    return folder if folder.is_dir() else None


def _built(folder: Path) -> bool:
    """Return whether a folder holds a build for CUDA on this machine (kernels/variants.py says how named).

    The version of CUDA is not compared: torch tells it only once imported.
    """
    machine = platform.machine().lower()
    system = f"{_MACHINES.get(machine, machine)}-{platform.system().lower()}"
    torch = "".join(_version("torch").split(".")[:2])
    fits = re.compile(
        rf"torch-(cuda|universal)|(torch{torch}(-cxx11)?|torch-stable-abi\d+)-cu\d+-{re.escape(system)}"
    )
    try:
        return any(fits.fullmatch(one.name) and (one / "metadata.json").is_file() for one in folder.iterdir())
    except OSError:
        return False
