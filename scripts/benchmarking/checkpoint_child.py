"""Run in openai-whisper's venv: ARRAYS.npz DIMS CHECKPOINT. Writes the file that openai-whisper loads."""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

arrays, dims, checkpoint = sys.argv[1:]
with np.load(arrays) as held:
    state = {name: torch.from_numpy(held[name]) for name in held.files}
torch.save({"dims": json.loads(dims), "model_state_dict": state}, checkpoint)
