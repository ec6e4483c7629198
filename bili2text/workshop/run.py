"""Where everything of a run lies: one folder, whose files say what made them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of a training. Nothing is made by naming it."""

    folder: Path

    @property
    def settings(self) -> Path:
        """Every setting, as it was resolved (presets.save)."""
        return self.folder / "settings.toml"

    @property
    def vocabulary(self) -> Path:
        """The vocabulary's folder."""
        return self.folder / "vocabulary"

    @property
    def checkpoints(self) -> Path:
        """What a training goes on from: checkpoint-STEP, whole or not at all."""
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        """The trained model: config.json, generation_config.json, model.safetensors (float32)."""
        return self.folder / "model"

    @property
    def log(self) -> Path:
        """One JSON object a line: step, loss, learning rate, evaluations."""
        return self.folder / "log.jsonl"

    @property
    def shards(self) -> Path:
        """The coordinator's table: the state of every shard."""
        return self.folder / "shards.json"

    def converted(self, precision: str) -> Path:
        """The model for CTranslate2: "int8", "float32"; with its vocabulary, a translator by itself."""
        return self.folder / f"ct2-{precision}"

    @property
    def export(self) -> Path:
        """What was exported for other engines and devices."""
        return self.folder / "export"

    @property
    def evaluation(self) -> Path:
        """What was measured of it (JSON)."""
        return self.folder / "evaluation.json"
