"""torch and transformers, imported here alone and when first needed: it takes seconds; they may be missing.

Neither has types that help here, so what they hand out goes by these names.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import Any

from bili2text.errors import DependencyError
from bili2text.translators.hf_errors import EXTRA

Torch = Any  # the module
Transformers = Any  # the module
Tensor = Any
Device = Any  # torch.device
Dtype = Any  # torch.dtype
Model = Any  # transformers' PreTrainedModel
Config = Any  # its configuration

# read by huggingface_hub when it is imported
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


@cache
def libraries() -> tuple[Torch, Transformers]:
    """Return torch and transformers, offline and silent. Raises DependencyError where they are missing."""
    for name in _OFFLINE:
        os.environ[name] = "1"
    try:
        import torch
        import transformers
    except ImportError as error:
        raise DependencyError("this translator needs torch and transformers", hint=EXTRA) from error
    if importlib.util.find_spec("accelerate") is None:  # without it a model cannot be put on a device
        raise DependencyError("this translator needs accelerate", hint=EXTRA)
    silent: Any = transformers.utils.logging
    silent.set_verbosity_error()
    silent.disable_progress_bar()
    return torch, transformers
