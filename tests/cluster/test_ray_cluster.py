from __future__ import annotations

import socket

import pytest

pytest.importorskip("ray", reason="the extra [ray] is not installed")

from bili2text import errors
from bili2text.cluster.ray_cluster import RayCluster
from bili2text.cluster.values import Trouble, error_of, trouble_of
from bili2text.errors import Bili2TextError, RuntimeFailure, UsageError


@pytest.mark.parametrize(
    "address", ["http://host:1", "ray://host:10001", "host", "host:", "host:x", ":6379", "h:0"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a cluster"):
        RayCluster(address)


def test_where_nobody_listens_that_is_said_at_once() -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeFailure, match=r"no cluster at 127\.0\.0\.1"):
            RayCluster(address)


def test_errors_arrive_as_they_were_sent() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Bili2TextError)
    ]
    for kind in kinds:
        found = error_of(trouble_of(kind("what", hint="to do")))
        assert (type(found), found.message, found.hint) == (kind, "what", "to do")
    assert type(error_of(Trouble("SystemExit", "no"))) is RuntimeFailure
