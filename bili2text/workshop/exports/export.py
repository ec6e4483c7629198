"""A run for other engines and devices, in a folder that appears whole or not at all once it was checked."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.files import clean_text
from bili2text.progress import Progress
from bili2text.seq2seq.folder import Product, is_product, read_product
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.values import Pair
from bili2text.workshop.begin import refuse_untrained
from bili2text.workshop.exports import rknn
from bili2text.workshop.exports.export_onnx import Order, sources_of, write_onnx
from bili2text.workshop.exports.export_rknn import Device, write_rknn
from bili2text.workshop.exports.exported import INT8, Manifest, To, read_manifest
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.held import held
from bili2text.workshop.run import Run

SEQ = 64
LEAST_SEQ = 8


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export, and what to check it on."""

    run: Run
    to: To
    checked_on: tuple[Pair, ...]
    out: Path | None = None  # None: in the run's folder
    seq: int = SEQ  # tokens of a source, and of a translation
    int8: bool = False
    target: str = rknn.DEFAULT_TARGET
    venv: Path | None = None  # of rknn-toolkit2; None: the one we install
    install: bool = False  # it, where it is not there
    calibration: tuple[Pair, ...] = ()  # for RKNN's int8
    overwrite: bool = False

    @property
    def folder(self) -> Path:
        """Where the export goes."""
        name = f"rknn-{self.target}" if self.to == "rknn" else self.to
        return self.run.export / name if self.out is None else self.out


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made: for CTranslate2 a product, else what its manifest says."""

    folder: Path
    product: Product | None
    manifest: Manifest | None


def export(request: ExportRequest, environ: Mapping[str, str], progress: Progress) -> Exported:
    """Export a run and return what was made.

    Raises UsageError, ModelError for a run that is not there or an export that does not say what the run
    says, DependencyError where rknn-toolkit2 or the workshop is not installed, StorageError.
    """
    _refuse(request)
    if request.to == "ct2":
        return _ct2(request)
    refuse_untrained(request.run)
    codec = open_codec(request.run.vocabulary)
    sources = sources_of(request.checked_on, codec, request.seq)
    order = Order(request.run, codec, request.seq, request.int8, sources)
    # last, for it may install 0.75 GB
    device = _device(request, environ, progress) if request.to == "rknn" else None
    with held(request.folder), whole_folder(request.folder) as folder:
        if device is None:
            write_onnx(order, folder, progress)
        else:
            write_rknn(order, device, folder, progress)
    return Exported(request.folder, None, read_manifest(request.folder))


def _refuse(request: ExportRequest) -> None:
    if request.seq < LEAST_SEQ:
        raise UsageError(f"{request.seq} tokens are no sentence", hint=f"--seq {LEAST_SEQ} or more")
    if request.to == "rknn":
        rknn.refuse_target(request.target)
        if request.int8 and not request.calibration:
            raise UsageError(
                "int8 for an NPU is calibrated on real pairs", hint="--data DATA, of workshop prepare"
            )
    folder = request.folder
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"not a folder: {clean_text(str(folder))}", hint="choose another --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not _is_export(folder):
        raise StorageError(
            f"a folder of something else: {clean_text(str(folder))}", hint="choose another --out"
        )
    if not request.overwrite:
        raise StorageError(
            f"already there: {clean_text(str(folder))}",
            hint="pass --overwrite to replace it, or another --out",
        )


def _is_export(folder: Path) -> bool:
    """Return whether a folder may be replaced: a manifest.json alone is any web page's, too."""
    try:
        read_manifest(folder)
    except ModelError:
        return is_product(folder)
    return True


def _device(request: ExportRequest, environ: Mapping[str, str], progress: Progress) -> Device:
    if request.install and request.venv is None:
        rknn.install(environ, progress)
    python, version = rknn.find(request.venv, environ)
    calibration = request.calibration if request.int8 else ()
    return Device(request.target, python, version, calibration)


def _ct2(request: ExportRequest) -> Exported:
    """Copy what `quantize` made and compared; in itself it is a translator already."""
    source = request.run.converted(INT8) if request.int8 else request.run.folder
    if request.int8 and request.run.folder.is_dir() and not source.is_dir():
        shown = clean_text(str(request.run.folder))
        raise ModelError(f"no int8 model in {shown}", hint=f"bili2text workshop quantize {shown} --overwrite")
    product = read_product(source)
    with held(request.folder), whole_folder(request.folder) as folder:
        shutil.copytree(product.folder, folder, dirs_exist_ok=True)
    return Exported(request.folder, read_product(request.folder), None)
