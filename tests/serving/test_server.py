import http.client
import json
import os
import signal
import socket
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from serving_child import Scripted

from bili2text.errors import ModelError, RuntimeFailure, StorageError, UsageError
from bili2text.models.wire import Patience
from bili2text.serving import place
from bili2text.serving.place import find, translator_of
from bili2text.serving.server import Server
from bili2text.serving.values import About, Limits, Served
from bili2text.translate.records import Pin
from bili2text.translators.api import ApiTranslator
from bili2text.translators.engine import Decoding, Load, Message, Prompt

QUICK = Patience(timeout=20, attempts=2, pause=0.01, longest=0.05)
needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")


def prompt(text, **more):
    return Prompt((Message("user", text),), **more)


def client(resident, concurrency=8, token=None):
    load = Load(Path(), "api", "cpu", url=resident.url, model=resident.model)
    token = resident.token if token is None else token
    return ApiTranslator(load, token, concurrency=concurrency, patience=QUICK, ours=True)


def ask(resident, *texts, concurrency=8):
    model = client(resident, concurrency)
    try:
        return [one.text for one in model.generate(tuple(prompt(text) for text in texts))]
    finally:
        model.close()


@contextmanager
def resident_with(cache, scripted, port=0, **limits):
    server = Server(cache, scripted.load, Served("scripted", port), Limits(**{"grace": 3.0, **limits}))
    with server as resident:
        yield resident


def exchange(resident, method, path, body=None, **headers):
    """One request as a client would never send it; returns the status and the document."""
    port = int(resident.url.rpartition(":")[2].removesuffix("/v1"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        if body is not None and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def waited_for(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_requests_that_arrive_together_are_computed_together_and_each_has_its_own_reply(cache):
    scripted = Scripted()
    with resident_with(cache, scripted, batch=16) as resident:
        texts = [f"say line {n}" for n in range(40)]
        # the first ones keep the translator busy while the others arrive
        got = ask(resident, *texts, concurrency=40)
    assert got == [f"line {n}" for n in range(40)]
    assert len(scripted.calls) < 40
    assert max(len(said) for said, _ in scripted.calls) <= 16
    assert sorted(text for said, _ in scripted.calls for text in said) == sorted(texts)
    assert scripted.threads == {"translator"}
    assert (scripted.loads, scripted.closes) == (1, 1)


def test_only_what_is_decoded_alike_is_computed_together(cache):
    scripted = Scripted()
    with resident_with(cache, scripted) as resident:
        busy = threading.Thread(target=ask, args=(resident, "slow 0.3"))
        busy.start()
        waited_for(lambda: scripted.calls)
        decodings = (Decoding(), Decoding(2, without=("han",)), Decoding(temperature=0.5, top_p=0.9, seed=3))
        models = [client(resident) for _ in decodings]
        threads = [
            threading.Thread(target=model.generate, args=((prompt("say a"), prompt("say b")), decoding))
            for model, decoding in zip(models, decodings, strict=True)
        ]
        for one in threads:
            one.start()
        for one in (*threads, busy):
            one.join()
    assert {decoding for _, decoding in scripted.calls[1:]} == set(decodings)
    assert all(len(said) == 2 for said, _ in scripted.calls[1:])


def test_a_model_that_nobody_asks_is_unloaded_and_loaded_again_for_the_next(cache):
    scripted = Scripted()
    with resident_with(cache, scripted, ttl=0.1) as resident:
        assert ask(resident, "say one") == ["one"]
        assert waited_for(lambda: scripted.closes == 1)
        assert find(cache) == resident  # it is there all the same
        assert ask(resident, "say two") == ["two"]
        assert scripted.loads == 2
    assert scripted.closes == 2


def test_a_batch_that_finds_no_room_is_halved_until_it_does(cache):
    scripted = Scripted(room=2)
    with resident_with(cache, scripted, batch=8, gather=0.2) as resident:
        assert ask(resident, *(f"say {n}" for n in range(8))) == [str(n) for n in range(8)]
        assert [len(said) for said, _ in scripted.calls] == [8, 4, 2, 2, 2, 2]
        scripted.room = 0
        with pytest.raises(RuntimeFailure, match="answered 503: no room"):
            ask(resident, "say nothing")


def test_an_error_of_the_translator_is_told_to_those_it_concerns_and_the_next_are_served(cache):
    scripted = Scripted()
    with resident_with(cache, scripted) as resident:
        with pytest.raises(RuntimeFailure, match="answered 500: as ModelError was ordered"):
            ask(resident, "fail ModelError")
        with pytest.raises(RuntimeFailure, match=r"answered 500: the translator failed \(KeyError\)"):
            ask(resident, "break")
        with pytest.raises(RuntimeFailure, match="0 replies to 1 prompts"):
            ask(resident, "short")
        assert len(scripted.calls) == 3  # none of these is asked twice
        assert ask(resident, "say good") == ["good"]
        assert scripted.loads == 4


def test_a_model_that_cannot_be_loaded_is_an_error_at_the_start_that_leaves_nothing(cache):
    def broken():
        raise ModelError("no such model")

    with pytest.raises(ModelError, match="no such model"):
        Server(cache, broken, Served("scripted", 0)).start()
    assert list((cache / "serving").iterdir()) == []
    with resident_with(cache, Scripted()) as resident:
        assert ask(resident, "say good") == ["good"]


@needs_unix
def test_a_unix_socket_is_its_owners_alone_and_serves_the_same(cache):
    with resident_with(cache, Scripted(), port=None) as resident:
        path = cache / "serving" / "translation.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert find(cache) == resident
        assert ask(resident, "say a", "say b") == ["a", "b"]
    assert not path.exists()


@needs_unix
def test_a_path_too_long_for_a_socket_is_said(tmp_path):
    with pytest.raises(StorageError, match="no socket can be made"):
        Server(tmp_path / ("long" * 30), Scripted, Served("scripted")).start()


def test_the_word_in_the_cache_is_its_owners_alone_and_gone_at_the_end(cache):
    with resident_with(cache, Scripted()) as resident:
        path = cache / "serving" / "translation.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text()) == asdict(resident)
        assert resident.token not in repr(resident)
        assert len(resident.token) > 40
        found = find(cache)
        assert found == resident
        model = translator_of(found)
        assert model.generate((prompt("say hello there", max_new_tokens=1),))[0].finished is False
        assert model.models() == ("scripted",)
        with pytest.raises(UsageError, match="already"):
            Server(cache, Scripted, Served("other", 0)).start()
        path.chmod(0o644)
        assert find(cache) is None
        path.chmod(0o600)
    assert find(cache) is None
    assert not path.exists()


@pytest.mark.parametrize("said", [b"", b"{}", b"[]", b"\xff" * 9, b"{" * 70_000, b'{"pid": -1}'])
def test_a_word_that_makes_no_sense_is_no_server(cache, said):
    place.prepare(cache)
    path = cache / "serving" / "translation.json"
    path.write_bytes(said)
    path.chmod(0o600)
    assert find(cache) is None


def test_a_server_that_does_not_know_the_token_is_not_taken_for_ours(cache, tmp_path):
    with resident_with(cache, Scripted()) as impostor:
        stale = replace(impostor, token="of a server that was killed, whose port another has by now")
        place.prepare(tmp_path)
        for word in (
            stale,
            replace(impostor, url="http://192.0.2.1:80/v1"),
            replace(impostor, pid=2**22 + 1),
        ):
            place.publish(tmp_path, word)
            assert find(tmp_path) is None
        place.publish(tmp_path, impostor)
        assert find(tmp_path) == impostor


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.2", "", "["]
)
def test_a_name_that_leads_here_from_elsewhere_is_refused(cache, host):
    with resident_with(cache, Scripted()) as resident:
        token = f"Bearer {resident.token}"
        for path in ("/health", "/v1/models"):
            assert exchange(resident, "GET", path, Host=host, Authorization=token)[0] == 403
        assert exchange(resident, "GET", "/v1/models", Host="localhost:1", Authorization=token)[0] == 200
        assert (
            exchange(resident, "GET", "/v1/models", Authorization=token, Origin="https://evil.example")[0]
            == 403
        )
        assert exchange(resident, "GET", "/v1/models", Authorization=token, Origin="null")[0] == 403


def test_what_is_no_proper_request_is_refused_and_the_translator_not_asked(cache):
    scripted = Scripted()
    good = json.dumps({"messages": [{"role": "user", "content": "say a"}]}).encode()
    chat = "/v1/chat/completions"
    with resident_with(cache, scripted, body=1000) as resident:
        token = {"Authorization": f"Bearer {resident.token}"}
        wrong = [
            (401, exchange(resident, "POST", chat, good)),
            (401, exchange(resident, "POST", chat, good, Authorization="Bearer x")),
            (401, exchange(resident, "GET", "/v1/models", Authorization=f"bearer {resident.token}é")),
            (400, exchange(resident, "POST", chat, b"{", **token)),
            (400, exchange(resident, "POST", chat, **token)),
            (404, exchange(resident, "POST", "/v1/completions", good, **token)),
            (404, exchange(resident, "GET", chat, **token)),
            (404, exchange(resident, "GET", "/../../etc/passwd", **token)),
            (413, exchange(resident, "POST", chat, b" " * 1001, **token)),
            (413, exchange(resident, "POST", chat, **token, **{"Content-Length": "9" * 5000})),
            (411, exchange(resident, "POST", chat, **token, **{"Content-Length": "-1"})),
            (411, exchange(resident, "POST", chat, b"", **token, **{"Transfer-Encoding": "chunked"})),
        ]
        assert [status for status, _ in wrong] == [got[0] for _, got in wrong]
        assert all(got[1]["error"]["message"] for _, got in wrong)
        assert scripted.calls == []
        with pytest.raises(UsageError, match="refuses the key"):
            client(resident, token="wrong").generate((prompt("say a"),))
        assert exchange(resident, "GET", "/health")[0] == 200
        status, answer = exchange(resident, "POST", chat, good, **token)
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "a")


def test_without_a_token_whoever_is_on_this_computer_may_ask(cache):
    with Server(cache, Scripted, Served("scripted", 0, guarded=False)) as resident:
        assert (resident.token, find(cache)) == ("", resident)
        assert exchange(resident, "GET", "/v1/models")[0] == 200


def test_more_connections_or_requests_than_allowed_are_sent_away_and_come_again(cache):
    with resident_with(cache, Scripted(), connections=2, waiting=1, batch=1, idle=0.5) as resident:
        port = int(resident.url.rpartition(":")[2].removesuffix("/v1"))
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        with pytest.raises(RuntimeFailure, match=r"answered 503|connection|broke off"):
            ApiTranslator(
                Load(Path(), "api", "cpu", url=resident.url, model="scripted"),
                resident.token,
                patience=Patience(timeout=5, attempts=1),
            ).generate((prompt("say a"),))
        for one in idle:
            one.settimeout(10)
            assert one.recv(1) == b""  # who says nothing is let go
            one.close()
        assert ask(resident, "say good", concurrency=1) == ["good"]


def test_too_many_that_wait_are_told_to_come_again(cache):
    scripted = Scripted()
    with resident_with(cache, scripted, waiting=1, batch=1) as resident:
        token = {"Authorization": f"Bearer {resident.token}"}
        body = json.dumps({"messages": [{"role": "user", "content": "slow 0.5"}]}).encode()
        got = []
        threads = [
            threading.Thread(
                target=lambda: got.append(
                    exchange(resident, "POST", "/v1/chat/completions", body, **token)[0]
                )
            )
            for _ in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert sorted(got) == [200, 200, 429, 429]


def test_streamed_the_reply_comes_as_events(cache):
    with resident_with(cache, Scripted()) as resident:
        port = int(resident.url.rpartition(":")[2].removesuffix("/v1"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "say 你好"}]})
        connection.request(
            "POST", "/v1/chat/completions", body.encode(), {"Authorization": f"Bearer {resident.token}"}
        )
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert (
        json.loads(said.split("\n\n")[0].removeprefix("data: "))["choices"][0]["delta"]["content"] == "你好"
    )
    assert said.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("where", ["0", pytest.param("socket", marks=needs_unix)])
def test_a_killed_server_leaves_a_word_that_is_ignored_and_the_next_takes_its_place(
    cache, resident_process, where
):
    process, resident = resident_process(where)
    assert (resident.pid, ask(resident, "say alive")) == (process.pid, ["alive"])
    process.kill()
    process.wait()
    assert (cache / "serving" / "translation.json").exists()
    assert find(cache) is None
    port = None if where == "socket" else 0
    with resident_with(cache, Scripted(), port=port) as next_one:
        assert find(cache) == next_one
        assert ask(next_one, "say again") == ["again"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_answers_what_is_computed_refuses_what_waits_and_leaves_nothing(
    cache, resident_process, number
):
    process, resident = resident_process()
    token = {"Authorization": f"Bearer {resident.token}"}
    got = {}

    def send(name, text):
        body = json.dumps({"messages": [{"role": "user", "content": text}], "temperature": 0.5 * len(got)})
        got[name] = None
        got[name] = exchange(resident, "POST", "/v1/chat/completions", body.encode(), **token)

    threads = []
    for name, text in (("computed", "slow 1.0"), ("waits", "say late")):
        threads.append(threading.Thread(target=send, args=(name, text)))
        threads[-1].start()
        time.sleep(0.3)
    os.kill(process.pid, number)
    assert process.wait(10) == 0
    for one in threads:
        one.join()
    assert got["computed"][1]["choices"][0]["message"]["content"] == "1.0"
    assert (got["waits"][0], got["waits"][1]["error"]["message"]) == (503, "the server is about to end")
    assert list((cache / "serving").iterdir()) == []


def test_a_batch_that_takes_too_long_at_the_end_is_refused(cache, resident_process):
    process, resident = resident_process(grace=0.2)
    token = {"Authorization": f"Bearer {resident.token}"}
    body = json.dumps({"messages": [{"role": "user", "content": "slow 60"}]}).encode()
    got = []
    sender = threading.Thread(
        target=lambda: got.append(exchange(resident, "POST", "/v1/chat/completions", body, **token))
    )
    sender.start()
    time.sleep(0.3)
    process.terminate()
    assert process.wait(10) == 0
    sender.join()
    assert got[0][0] == 503


def test_nothing_to_find_is_nothing_made(tmp_path):
    assert find(tmp_path / "cache") is None
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_loaded_anew_in_another_way_is_told_as_it_is_now(cache):
    scripted = Scripted()

    def about():
        precision = "float16" if scripted.loads == 1 else "int8"
        return About(Pin("m", "d" * 64, "ctranslate2", precision, 8, "cpu", "CPU"), "qwen3")

    server = Server(cache, scripted.load, Served("m", 0), Limits(ttl=0.05, grace=3.0), about=about)
    with server as first:
        assert first.about == about()
        token = {"Authorization": f"Bearer {first.token}"}
        (model,) = exchange(first, "GET", "/v1/models", **token)[1]["data"]
        assert (model["digest"], model["precision"], model["device"]) == ("d" * 64, "float16", "cpu")
        assert waited_for(lambda: scripted.closes == 1)
        assert find(cache) == first
        assert ask(first, "say two") == ["two"]
        assert waited_for(lambda: find(cache) != first)
        assert find(cache).about.pin.precision == "int8"
        assert exchange(first, "GET", "/v1/models", **token)[1]["data"][0]["precision"] == "int8"
        assert replace(find(cache), about=first.about) == first
    assert find(cache) is None
    assert not (cache / "serving" / "translation.json").exists()


def test_what_is_served_is_called_and_batched_as_it_was_loaded_and_not_as_it_was_planned(cache):
    scripted = Scripted(room=2)
    loaded = [("smaller", 4), ("smaller", 4), ("smaller", 4), ("smaller", 1)]

    def about():
        name, batch = loaded[min(scripted.loads, len(loaded)) - 1]
        return About(Pin(name, "d" * 64, "ctranslate2", "int8", batch, "cpu", "CPU"), "qwen3")

    limits = Limits(batch=8, gather=0.2, grace=3.0)
    server = Server(cache, scripted.load, Served("planned", 0), limits, about=about)
    with server as first:
        assert (first.model, first.batch, first.about.pin.batch_size) == ("smaller", 4, 4)
        headers = {"Authorization": f"Bearer {first.token}"}
        assert exchange(first, "GET", "/v1/models", **headers)[1]["data"][0]["id"] == "smaller"
        texts = [f"say {n}" for n in range(4)]
        assert ask(first, *texts) == ["0", "1", "2", "3"]
        now = find(cache)
        assert (now.batch, now.about.pin.batch_size) == (2, 2)  # as far as memory has shown
        assert [len(said) for said, _ in scripted.calls] == [4, 2, 2]
        for _ in range(2):  # an error has it loaded anew, the second time with less room
            with pytest.raises(RuntimeFailure):
                ask(first, "fail ModelError")
            assert ask(first, "say on") == ["on"]
        now = find(cache)
        assert (now.batch, now.about.pin.batch_size) == (1, 1)
