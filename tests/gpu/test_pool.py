"""The driver's memory pool: asked through ctypes, of a library made of C that counts and faults on demand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bili2text.gpu.pool import DriverPool

# Behaves as the driver's documentation says: one device, figures of 64 bits, a handle of 64 bits, high marks
# that only a 0 resets, a pool that gives back down to what is used. FAKE_CUDA says what is wrong with it.
DRIVER = r"""
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static uint64_t reserved, reserved_high, used, used_high, threshold, pool;
static int contexts;
static int is(const char *what) { const char *set = getenv("FAKE_CUDA"); return set && !strcmp(set, what); }
static void up(void) {
  if (reserved > reserved_high) reserved_high = reserved;
  if (used > used_high) used_high = used;
}
void engine(uint64_t amount, uint64_t taken) { used = amount; if (taken > reserved) reserved = taken; up(); }
void synchronise(void) { uint64_t keep = threshold > used ? threshold : used; if (reserved > keep) reserved = keep; }
int contexts_made(void) { return contexts; }
int cuInit(unsigned flags) { contexts += 1; return 0; }
int cuCtxCreate_v2(void **context, unsigned flags, int device) { contexts += 1; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { contexts += 1; return 0; }
int cuDeviceGet(int *device, int index) {
  if (is("uninitialised")) return 3;
  if (index != 1) return 101;
  *device = 7;
  return 0;
}
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
  *flags = 0;
  *active = device == 7 && !is("inactive");
  return 0;
}
#ifndef OLD
int cuDeviceGetMemPool(void **handle, int device) {
  if (is("unsupported")) return 801;
  *handle = &pool;
  return 0;
}
#endif
static uint64_t *figure(void *handle, int attribute) {
  if (handle != &pool) return NULL;
  switch (attribute) {
    case 4: return &threshold;
    case 5: return &reserved;
    case 6: return &reserved_high;
    case 7: return &used;
    case 8: return &used_high;
  }
  return NULL;
}
int cuMemPoolGetAttribute(void *handle, int attribute, void *value) {
  uint64_t *from = figure(handle, attribute);
  if (!from) return 1;
  memcpy(value, from, 8);
  return 0;
}
int cuMemPoolSetAttribute(void *handle, int attribute, void *value) {
  uint64_t *to = figure(handle, attribute), number;
  memcpy(&number, value, 8);
  if (!to || attribute == 5 || attribute == 7 || (attribute != 4 && number)) return 1;
  if (is("readonly")) return 999;
  *to = number;
  up();
  return 0;
}
int cuGetErrorName(int status, const char **name) {
  *name = status == 801 ? "CUDA_ERROR_NOT_SUPPORTED" : status == 3 ? "CUDA_ERROR_NOT_INITIALIZED" : NULL;
  return *name ? 0 : 1;
}
"""

# What a run does, in a process of its own, so that the library is found as the real one is: by its name.
RUN = """
import ctypes, dataclasses, json, sys
from bili2text.gpu.pool import DriverPool
engine = ctypes.CDLL("libcuda.so.1")
engine.engine.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
GIB = 1 << 30
said = {}
pool = DriverPool(int(sys.argv[1]), "libcuda.so.1")
def look(name):
    state = pool.state()
    said[name] = (dataclasses.astuple(state) if state else None, pool.reason)
engine.engine(6 * GIB, 7 * GIB)
engine.engine(2 * GIB, 0)
engine.synchronise()
look("ran")
said["reset"] = pool.reset()
look("after reset")
said["keep"] = pool.keep(5 * GIB)
engine.engine(6 * GIB, 6 * GIB)
engine.engine(1 * GIB, 0)
engine.synchronise()
look("kept")
said["reason"] = pool.reason
said["contexts"] = engine.contexts_made()
print(json.dumps(said))
"""

GIB = 1 << 30

needs_gcc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="needs Linux and gcc"
)


def build(folder: Path, *flags: str) -> Path:
    source = folder / "driver.c"
    source.write_text(DRIVER, encoding="ascii")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-w", *flags, "-o", str(folder / "libcuda.so.1"), str(source)], check=True
    )
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


def run(folder: Path, fault: str = "", index: int = 1) -> dict[str, object]:
    environ = {**os.environ, "LD_LIBRARY_PATH": str(folder), "FAKE_CUDA": fault}
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    child = subprocess.run(
        [sys.executable, "-c", RUN, str(index)], env=environ, check=True, capture_output=True, timeout=60
    )
    return json.loads(child.stdout)


@needs_gcc
def test_the_pool_tells_its_peak_and_keeps_what_it_is_told_to(driver: Path) -> None:
    said = run(driver)
    assert said["ran"] == [[2 * GIB, 7 * GIB, 2 * GIB, 6 * GIB], ""]
    assert said["reset"] is True
    assert said["after reset"] == [[2 * GIB, 2 * GIB, 2 * GIB, 2 * GIB], ""]
    assert said["keep"] is True
    assert said["kept"] == [[5 * GIB, 6 * GIB, 1 * GIB, 6 * GIB], ""]


@needs_gcc
@pytest.mark.parametrize(
    ("fault", "index", "reason"),
    [
        ("uninitialised", 1, "cuDeviceGet: CUDA_ERROR_NOT_INITIALIZED"),
        ("inactive", 1, "this process has no CUDA context yet"),
        ("unsupported", 1, "cuDeviceGetMemPool: CUDA_ERROR_NOT_SUPPORTED"),
        ("", 3, "cuDeviceGet: error 101"),
    ],
)
def test_a_driver_that_refuses_is_a_reason_and_no_context_is_made(
    driver: Path, fault: str, index: int, reason: str
) -> None:
    said = run(driver, fault, index)
    assert said["ran"] == [None, reason]
    assert (said["reset"], said["keep"]) == (False, False)
    assert said["reason"] == reason
    assert said["contexts"] == 0


@needs_gcc
def test_marks_that_cannot_be_reset_can_still_be_read(driver: Path) -> None:
    said = run(driver, "readonly")
    assert said["reset"] is False
    assert said["after reset"][0] == [2 * GIB, 7 * GIB, 2 * GIB, 6 * GIB]


@needs_gcc
def test_a_driver_from_before_memory_pools_is_a_reason(tmp_path: Path) -> None:
    said = run(build(tmp_path, "-DOLD"))
    assert said["ran"][0] is None
    assert "too old for memory pools" in said["ran"][1]


def test_a_computer_without_the_driver_is_a_reason() -> None:
    pool = DriverPool(0, "libcuda-that-is-not-there.so.1")
    assert pool.state() is None
    assert not pool.reset()
    assert pool.reason == "libcuda-that-is-not-there.so.1 is not on this computer"
