"""The hubs models come from: where a file is, what a hub says of its files, and whom to trust with what.

URL shapes as huggingface_hub (file_download.py, hf_api.py) and modelscope (hub/api.py, hub/file_download.py)
build them; ModelScope's names for the Systran conversions as public projects use them (gpustack/...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from bili2text.errors import UsageError
from bili2text.models.catalog import HubId, ModelCard
from bili2text.models.manifest import Expected, is_model_file, pins_of

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Hub:
    """A place to download from."""

    kind: str  # "hf", "hf-mirror" or "modelscope": the first two speak alike
    endpoint: str  # address, no slash at the end


@dataclass(frozen=True, slots=True)
class Source:
    """One repository that may hold a model, and what its files must be; no files: the hub is to be asked."""

    repo: str
    revision: str
    files: tuple[Expected, ...] = ()


ENDPOINTS: Mapping[str, str] = {
    "hf": "https://huggingface.co",
    "hf-mirror": "https://hf-mirror.com",
    "modelscope": "https://www.modelscope.cn",
}


def choose(kind: str, endpoint: str | None, environ: Mapping[str, str]) -> Hub:
    """Return the hub to use: `endpoint` if given, else HF_ENDPOINT for "hf", else the hub's own address.

    Raises UsageError for an unknown hub, or an address that is not http(s).
    """
    if kind not in ENDPOINTS:
        raise UsageError(f"unknown hub: {kind}", hint=f"choose one of {', '.join(ENDPOINTS)}")
    address = endpoint or (environ.get("HF_ENDPOINT") if kind == "hf" else None) or ENDPOINTS[kind]
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"not an address of a hub: {address}", hint="it starts with https:// and a host")
    return Hub(kind, address.rstrip("/"))


def sources(hub: Hub, model: ModelCard | HubId) -> tuple[Source, ...]:
    """Return the repositories of `hub` to try for `model`, the best first."""
    pins = pins_of(model.name) if isinstance(model, ModelCard) else None
    files = pins.files if pins and pins.complete else ()
    if hub.kind != "modelscope":
        revision = pins.revision if pins else model.revision if isinstance(model, HubId) else "main"
        return (Source(model.repo, revision, files),)
    revision = model.revision if isinstance(model, HubId) and model.revision != "main" else "master"
    same = Source(model.repo, revision, files)
    if isinstance(model, HubId):
        return (same,)
    return (Source(f"gpustack/{model.repo.split('/')[1]}", revision, files), same)


def file_url(hub: Hub, source: Source, file: str) -> str:
    """Return where a file's bytes are."""
    models = "/models" if hub.kind == "modelscope" else ""
    return f"{hub.endpoint}{models}/{source.repo}/resolve/{quote(source.revision, safe='')}/{quote(file)}"


def list_url(hub: Hub, source: Source) -> str:
    """Return where the hub says what files a repository has."""
    revision = quote(source.revision, safe="")
    if hub.kind == "modelscope":
        return f"{hub.endpoint}/api/v1/models/{source.repo}/repo/files?Revision={revision}&Recursive=true"
    return f"{hub.endpoint}/api/models/{source.repo}/tree/{revision}"


def parse_listing(hub: Hub, listing: Any) -> tuple[Expected, ...]:  # noqa: ANN401 - JSON from anybody
    """Return what the hub declares of the files we want, the largest last.

    Raises ValueError, KeyError or TypeError when `listing` is not what that hub sends.
    """
    if hub.kind == "modelscope":
        rows = listing["Data"]["Files"]
        found = [Expected(row["Path"], int(row["Size"]), row.get("Sha256") or None) for row in rows]
    else:
        found = [_hf_file(row) for row in listing if row["type"] == "file"]
    return tuple(
        sorted((file for file in found if is_model_file(file.name)), key=lambda file: file.size or 0)
    )


def may_redirect(old: str, new: str) -> bool:
    """Return whether to follow a redirect: only to the web, and from https never back to plain http.

    Our own machine is as safe as https.
    """
    scheme = urlsplit(new).scheme
    return scheme == "https" or (scheme == "http" and (urlsplit(old).scheme == "http" or _is_loopback(new)))


def token_for(url: str, token: str | None) -> str | None:
    """Return `token` if `url` is the Hugging Face hub itself: no mirror, no storage host, no plain http."""
    parts = urlsplit(url)
    return token if parts.scheme == "https" and parts.netloc == "huggingface.co" else None


def host_of(url: str) -> str:
    """Return the host (and port) of `url`, without a user name or password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _hf_file(row: Mapping[str, Any]) -> Expected:
    # A large file has the sha256 of its bytes, and an `oid` that is its pointer's; others have git's hash.
    large = row.get("lfs")
    if large:
        return Expected(row["path"], int(large["size"]), large["oid"])
    return Expected(row["path"], int(row["size"]), git_sha1=row["oid"])
