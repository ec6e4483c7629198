"""What torch's allocator took of the card, as gpu/pool.py tells it of the driver's pool."""

from __future__ import annotations

import sys
from typing import Any

from bili2text.gpu.pool import PoolState

_TOLD = ("reserved_bytes.all.current", "reserved_bytes.all.peak",
         "allocated_bytes.all.current", "allocated_bytes.all.peak")  # fmt: skip


class TorchPool:
    """torch's allocator on this process's first card; silent until torch has begun there. Imports nothing."""

    def state(self) -> PoolState | None:
        """Return its figures now; None where torch has not begun."""
        cuda = self._cuda()
        if cuda is None:
            return None
        told = cuda.memory_stats(0)
        return PoolState(*(int(told.get(name, 0)) for name in _TOLD))

    def reset(self) -> bool:
        """Bring both high marks down to what is current; False where torch has not begun."""
        cuda = self._cuda()
        if cuda is not None:
            cuda.reset_peak_memory_stats(0)
        return cuda is not None

    def settings(self) -> dict[str, Any]:
        """Return what torch says it was told of its allocator; {} where this version does not tell."""
        cuda = self._cuda()
        look = getattr(getattr(cuda, "memory", None), "_snapshot", None)
        return {} if look is None else dict(look().get("allocator_settings", {}))

    def _cuda(self) -> Any:  # noqa: ANN401 - the module, perhaps half imported by another thread
        cuda = getattr(sys.modules.get("torch"), "cuda", None)
        begun = getattr(cuda, "is_initialized", None)
        return cuda if begun is not None and begun() else None
