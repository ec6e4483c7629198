"""The cluster through Ray: its nodes, workers on them, what they answer, and whether they are dead.

With ray_worker.py the only importer of Ray. The dashboard stays off, and a cluster of this machine listens on
127.0.0.1 alone. Nothing secret is an argument of what runs here: see `worker.for_workers`.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bili2text.cluster.values import Job, Node, Planned, Seat, Told, Trouble, trouble_of
from bili2text.errors import DependencyError, RuntimeFailure, UsageError
from bili2text.files import clean_text
from bili2text.request import Request

_LEAST = (2, 52)  # CVE-2025-62593: older ones run what a web page tells them
_PIECE = 32 * 2**20  # bytes of a recording that travel together
_LOCAL = "local"
_ANSWERS = 10.0  # seconds in which a cluster has to take a connection: Ray itself would try for minutes
_NOBODY = 0.1  # seconds, at most, where there is nobody to wait for
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Death:
    """A worker answered no more."""

    cause: Literal["process", "node", "line"]  # its own end, its machine's, or nobody knows
    said: str = ""


Answer = Planned | Told | Trouble | Death | None


class RayCluster:
    """A connection to a cluster, or a cluster of this machine's. Close it."""

    def __init__(self, address: str) -> None:
        """Connect to "host:port", or start Ray here for "local".

        Raises DependencyError without Ray, or for one too old, UsageError for what is no address,
        RuntimeFailure where nobody answers.
        """
        if address != _LOCAL:
            _reached(address)
            _show_token()
        self._ray = _imported()
        self._connect(address)
        self._here = self._ray.get_runtime_context().get_node_id()

    def nodes(self) -> tuple[Node, ...]:
        """Return the machines that are there now."""
        found = [one for one in self._ray.nodes() if one["Alive"]]
        return tuple(
            Node(
                one["NodeID"],
                one["NodeManagerAddress"],
                float(one["Resources"].get("CPU", 0.0)),
                float(one["Resources"].get("GPU", 0.0)),
                int(one["Resources"].get("memory", 0) / _MIB),
            )
            for one in found
        )

    def start(self, seat: Seat) -> Any:  # noqa: ANN401 - Ray's handle
        """Return a worker on its seat, on the way; it is never started again by itself.

        Ray would send its next recording to a worker that is only on its way back, and nobody could tell
        which recording a death belongs to.
        """
        from bili2text.cluster.ray_worker import Hand

        options: dict[str, Any] = {
            "num_cpus": seat.cpus,
            "num_gpus": seat.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "scheduling_strategy": self._on(seat.node),
        }
        if seat.memory_mib:
            options["memory"] = seat.memory_mib * _MIB
        return self._ray.remote(Hand).options(**options).remote()

    def ready(self, worker: Any, request: Request, address: str, word: str) -> Any:  # noqa: ANN401
        """Ask a worker what would run there."""
        return worker.ready.remote(request, address, word)

    def transcribe(self, worker: Any, node: str, job: Job) -> Any:  # noqa: ANN401
        """Ask a worker for a recording; its sound travels only where it has to. Raises OSError."""
        pieces = None if node == self._here else self._pieces(job.media.path)
        return worker.transcribe.remote(job, pieces)

    def closing(self, worker: Any) -> Any:  # noqa: ANN401
        """Ask a worker to end."""
        return worker.close.remote()

    def sweeping(self, node: str) -> Any:  # noqa: ANN401
        """Ask for what dead workers left on a node to be removed."""
        from bili2text.cluster.ray_worker import swept

        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": self._on(node)}
        return self._ray.remote(swept).options(**options).remote()

    def wait(self, asked: Sequence[Any], seconds: float) -> list[Any]:
        """Return those of what was asked that are answered, as soon as one is, or after the seconds."""
        if not asked:
            time.sleep(min(seconds, _NOBODY))
            return []
        done, _ = self._ray.wait(list(asked), num_returns=1, timeout=seconds)
        if not done:
            return []
        more, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0)
        found: list[Any] = more
        return found

    def answer(self, asked: Any, node: str) -> Answer:  # noqa: ANN401
        """Return an answer that is there, or how the one who should give it died."""
        errors = self._ray.exceptions
        try:
            found: Answer = self._ray.get(asked)
        except errors.ActorDiedError as error:
            alive = any(one.id == node for one in self.nodes())
            said = clean_text(str(error))
            return Death("process" if alive and not error.preempted else "node", said)
        except (errors.ActorUnavailableError, errors.ObjectLostError, errors.NodeDiedError) as error:
            return Death("line", clean_text(str(error)))
        except errors.RayTaskError as error:
            # without the frames, which Ray sends along
            cause = error.cause
            if isinstance(cause, errors.RayError):  # its sound was lost on the way
                return Death("line", type(cause).__name__)
            return trouble_of(cause if isinstance(cause, BaseException) else error)
        except errors.RayError as error:
            return Death("line", type(error).__name__)
        return found

    def kill(self, worker: Any) -> None:  # noqa: ANN401
        """End a worker, if it is not dead yet."""
        with suppress(Exception):  # it may be anywhere between alive and gone
            self._ray.kill(worker, no_restart=True)

    def close(self) -> None:
        """Leave the cluster; one of this machine's own ends."""
        self._ray.shutdown()

    def _connect(self, address: str) -> None:
        local = address == _LOCAL
        # a report on the user's cluster is nobody's business
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        own: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if local else {}
        try:
            self._ray.init(
                address=address,
                namespace="bili2text",
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
                **own,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            first = clean_text(str(error).strip().splitlines()[0] if str(error).strip() else "no answer")
            raise RuntimeFailure(
                f"no cluster at {clean_text(address)}: {first}",
                hint="`ray status` shows whether this machine belongs to it and has its token; docs/scale.md",
            ) from error

    def _on(self, node: str) -> Any:  # noqa: ANN401
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node, soft=False)

    def _pieces(self, path: Path) -> list[Any]:
        """Return references to a file in the cluster's memory; it is there as long as they are held."""
        found: list[Any] = []
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                found.append(self._ray.put(piece))
        return found


def _reached(address: str) -> None:
    """Raise UsageError for what is no HOST:PORT, RuntimeFailure where nobody listens there."""
    host, _, port = address.rpartition(":")
    shown = clean_text(address)
    if not host or "/" in host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UsageError(
            f"no address of a cluster: {shown}",
            hint="run this on a node of it, with HOST:PORT as `ray start` shows it, or with local",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWERS).close()
    except OSError as error:
        raise RuntimeFailure(
            f"no cluster at {shown}: {error.strerror or error}",
            hint="`ray status` shows whether this machine belongs to one; docs/scale.md begins one",
        ) from error


def _show_token() -> None:
    """Let Ray show the cluster's token where this machine has one: since 2.60 clusters ask for it.

    Whoever begins a cluster does so by default, whoever connects to one only when told (seen in 2.60). Ray
    reads that when it is imported.
    """
    known = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if known or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _imported() -> Any:  # noqa: ANN401 - the module
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise DependencyError("Ray is not installed", hint="pip install 'bili2text[ray]'") from error
    version = tuple(int(part) for part in ray.__version__.split(".")[:2] if part.isdigit())
    if version < _LEAST:
        least = ".".join(map(str, _LEAST))
        raise DependencyError(
            f"Ray {ray.__version__} is too old: it runs what strangers send it",
            hint=f"pip install 'ray>={least}' on every machine",
        )
    return ray
