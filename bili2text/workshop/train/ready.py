"""What trains, imported before it is needed, and told how its threads wait for each other."""

from __future__ import annotations

import os

from bili2text.errors import DependencyError


def ready() -> None:
    """Import torch and transformers. Raises DependencyError where they are not installed.

    The threads of a CPU are told to sleep while they wait: OpenMP's own way is to spin, which beside other
    work on the same cores made a step of `tiny` 3 to 5 times slower (2 threads, torch 2.13; on cores that
    have nothing else to do: not measured). It reads that once, as torch is imported; what is set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            f"this needs torch and transformers: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
