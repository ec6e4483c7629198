"""Runs in the environment of rknn-toolkit2, in a folder of its own: converts ONNX graphs and simulates them.

Called as `python -I rknn_child.py order.json`; writes done.json and a .npz for each graph. Imports nothing of
this program: its libraries are of other versions there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(path: str) -> None:
    """Do what an order says."""
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    done = [_converted(order["target"], graph) for graph in order["graphs"]]
    Path("done.json").write_text(json.dumps(done), encoding="utf-8")


def _converted(target: str, graph: dict[str, Any]) -> dict[str, Any]:
    from rknn.api import RKNN  # type: ignore[import-not-found, unused-ignore]

    rows = np.load(graph["rows"], allow_pickle=False)
    rknn = RKNN(verbose=False)
    try:
        _ok("config", rknn.config(target_platform=target))
        _ok("load_onnx", rknn.load_onnx(model=graph["onnx"]))
        quantize = graph["dataset"] is not None
        began = time.monotonic()
        _ok("build", rknn.build(do_quantization=quantize, dataset=graph["dataset"]))
        seconds = time.monotonic() - began
        _ok("export_rknn", rknn.export_rknn(graph["out"]))
        _ok("init_runtime", rknn.init_runtime())
        began = time.monotonic()
        count = len(rows[graph["inputs"][0]])
        found = [_inferred(rknn, rows, graph["inputs"], row) for row in range(count)]
        simulated = time.monotonic() - began
    finally:
        rknn.release()
    np.savez(graph["found"], found=np.concatenate(found))
    return {"build_s": seconds, "simulate_s": simulated / count}


def _inferred(rknn: Any, rows: Any, inputs: list[str], row: int) -> Any:  # noqa: ANN401 - it has no types
    found = rknn.inference(inputs=[rows[name][row : row + 1] for name in inputs])
    if not found:
        raise RuntimeError("the simulator gave nothing")
    return np.asarray(found[0], dtype=np.float32)


def _ok(step: str, code: int) -> None:
    if code != 0:
        raise RuntimeError(f"{step} failed with {code}")


if __name__ == "__main__":
    main(sys.argv[1])
