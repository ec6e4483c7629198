import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hostile_api import Answer, HostileApi, said

from bili2text.errors import DependencyError, RuntimeFailure, UsageError
from bili2text.models.wire import Patience
from bili2text.translators.api import ApiTranslator, key_for
from bili2text.translators.api_address import Address, address_of
from bili2text.translators.api_faults import retry_after
from bili2text.translators.engine import Decoding, Load, Message, Prompt, Reply

QUICK = Patience(timeout=0.5, attempts=3, pause=0.01, longest=0.2)
SECRET = "sk-abcdefghij0123456789"


def prompt(text, **more):
    return Prompt((Message("system", "Translate."), Message("user", text)), **more)


def translator(api, model="m", key="", patience=QUICK, **more):
    url = api if isinstance(api, str) else api.url
    return ApiTranslator(Load(Path(), "api", "cpu", url=url, model=model), key, patience=patience, **more)


def raw(data, times=1):
    """Bytes on the connection as they are."""

    def send(connection):
        for _ in range(times):
            connection.sendall(data)

    return send


def test_each_prompt_has_its_own_reply_with_no_more_requests_at_once_than_allowed():
    lock, at_once, most = threading.Lock(), 0, 0

    def answer(request):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return said(request.text.upper())

    told, threads = {}, set()

    def hear(place, reply):
        assert place not in told
        told[place] = reply
        threads.add(threading.current_thread())

    with HostileApi(answer) as api:
        model = translator(api, concurrency=4)
        replies = model.generate(tuple(prompt(f"line {n}") for n in range(30)), told=hear)
        assert [one.text for one in replies] == [f"LINE {n}" for n in range(30)]
        assert tuple(told[n] for n in range(30)) == replies
        assert (most, threads) == (4, {threading.main_thread()})
        assert model.generate((prompt("more"),))[0].text == "MORE"
        assert len({request.peer for request in api.seen}) == 4  # connections are kept, between calls too
        assert model.generate(()) == ()
        model.close()


@pytest.mark.parametrize(
    "failure",
    [
        Answer({"error": {"message": "slow down"}}, 429, {"Retry-After": "0"}),
        Answer({"error": "busy"}, 503),
        Answer(b"<html>Bad Gateway</html>", 502),
        Answer(b"<html>welcome to the hotel</html>"),
        Answer(b'{"choices": [{"mess'),
        Answer(b"[" * 200_000),
        Answer(b'{"choices": []}', headers={"Content-Length": "5000", "Connection": "close"}),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cho"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"\x00\xff garbage\r\n\r\n"),
        raw(b""),
    ],
    ids=["429", "503", "502", "page", "half JSON", "deep", "half a body", "half a chunk", "no chunk", "noise", "closed"],
)  # fmt: skip
def test_what_may_go_better_the_next_time_is_asked_again(failure):
    def answer(request):
        return failure if request.number == 0 else said("good")

    with HostileApi(answer) as api:
        assert translator(api).generate((prompt("a"),)) == (Reply("good", 7, finished=True),)
        assert len(api.seen) == 2


def test_a_server_that_goes_on_failing_is_left_after_some_attempts_or_at_once_where_it_says_so():
    def answer(request):
        never = {"x-should-retry": "false"} if request.text == "once" else {}
        return Answer({"error": {"message": "CUDA\x1b[31m\nerror"}}, 500, never)

    with HostileApi(answer) as api:
        with pytest.raises(RuntimeFailure) as caught:
            translator(api).generate((prompt("again"),))
        assert caught.value.message == f"127.0.0.1:{api.port} answered 500: CUDA[31m error"
        assert len(api.seen) == 3
        with pytest.raises(RuntimeFailure):
            translator(api).generate((prompt("once"),))
        assert len(api.seen) == 4


def test_a_server_that_hangs_or_drips_is_not_waited_for_longer_than_allowed():
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b" ")

    patience = Patience(timeout=0.3, attempts=2, pause=0.01)
    with HostileApi(lambda request: drip if request.text == "drip" else api.hang) as api:
        for text in ("hang", "drip"):
            with pytest.raises(RuntimeFailure, match=r"did not answer within 0\.3 s"):
                translator(api, patience=patience).generate((prompt(text),))


def test_nobody_there_is_said_at_once_and_a_server_that_went_away_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    slow = Patience(timeout=5, attempts=5, pause=30)
    with pytest.raises(DependencyError, match=f"cannot reach 127.0.0.1:{port}") as caught:
        translator(f"http://127.0.0.1:{port}", patience=slow).generate((prompt("a"),))
    assert "--api-base" in caught.value.hint
    with HostileApi(lambda request: said("here")) as api:
        model = translator(api)
        model.generate((prompt("a"),))
        model.close()
    with pytest.raises(RuntimeFailure, match="cannot reach"):
        model.generate((prompt("a"),))


@pytest.mark.parametrize(
    "answer",
    [
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n "),
        raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (1 << 20), times=5),
    ],
    ids=["declared", "without end"],
)
def test_an_answer_without_end_is_not_read_to_its_end(answer):
    with HostileApi(lambda request: answer) as api:
        with pytest.raises(RuntimeFailure, match="more than 4 MiB"):
            translator(api, patience=Patience(timeout=10, attempts=1)).generate((prompt("a"),))
        assert len(api.seen) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"choices": []},
        {"choices": {"0": 1}},
        {"choices": [{"text": "old form"}]},
        {"choices": [{"message": {"content": ["a", "list"]}}]},
        {"error": {"message": "no model is loaded"}},
    ],
)
def test_an_answer_that_is_no_reply_is_said_to_be_none_and_not_asked_for_again(document):
    with HostileApi(lambda request: Answer(document)) as api:
        with pytest.raises(RuntimeFailure, match="did not give a reply: ") as caught:
            translator(api).generate((prompt("a"),))
        assert len(api.seen) == 1
        assert ("no model is loaded" in caught.value.message) == ("error" in document)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404])
def test_a_wrong_key_address_or_model_is_one_clear_line_without_the_key_and_nothing_is_followed(status):
    with HostileApi(lambda request: said("stolen")) as thief:
        elsewhere = {"Location": f"{thief.url}/chat/completions"}
        refused = Answer({"error": {"message": f"bad key {SECRET}"}}, status, elsewhere)
        with HostileApi(lambda request: refused) as api:
            with pytest.raises(UsageError) as caught:
                translator(api, key=SECRET).generate((prompt("a"),))
            assert len(api.seen) == 1
            assert api.seen[0].headers["Authorization"] == f"Bearer {SECRET}"
        assert thief.seen == []
    shown = f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in shown
    assert SECRET not in shown
    assert caught.value.hint


def test_a_key_is_in_no_message_and_not_sent_where_others_can_read_it():
    with HostileApi(lambda request: Answer({"error": f"no, {SECRET}"}, 400)) as api:
        model = translator(api, key=SECRET)
        with pytest.raises(RuntimeFailure) as caught:
            model.generate((prompt("a"),))
        assert SECRET not in caught.value.message + repr(model)
    with pytest.raises(UsageError, match="plain http") as refused:
        translator("http://192.168.1.20:8000/v1", key=SECRET)
    assert SECRET not in refused.value.message + refused.value.hint
    translator("https://192.168.1.20/v1", key=SECRET)
    with pytest.raises(UsageError) as broken:
        translator("https://host/v1", key=f"{SECRET}\r\nX-Evil: 1")
    assert SECRET not in broken.value.message


@pytest.mark.parametrize(
    ("base", "own", "key"),
    [
        ("https://api.openai.com/v1", "", "theirs"),
        ("https://API.OpenAI.com", "", "theirs"),
        ("https://api.openai.com/v1", "mine", "mine"),
        ("https://api.openai.com.evil.example/v1", "", ""),
        ("https://openai.com/v1", "", ""),
        ("http://api.openai.com/v1", "", ""),  # where it could be read on its way
        ("http://127.0.0.1:11434/v1", "", ""),
        ("https://models.example/v1", "mine", "mine"),
        ("unix:/run/api.openai.com", "", ""),
    ],
)
def test_the_key_for_openai_is_sent_to_no_other_server(base: str, own: str, key: str) -> None:
    assert key_for(base, {"OPENAI_API_KEY": " theirs\n", "BILI2TEXT_API_KEY": own}) == key


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("http://127.0.0.1:11434/v1", Address("127.0.0.1", 11434, "/v1")),
        ("http://localhost:8000", Address("localhost", 8000, "/v1")),
        (" HTTP://[::1]:8000/v1/ ", Address("::1", 8000, "/v1")),
        (
            "https://host.example/api/v3/chat/completions",
            Address("host.example", 443, "/api/v3", secure=True),
        ),
        ("unix:/run/a%20b.sock", Address("localhost", 0, "/v1", socket="/run/a b.sock")),
    ],
)
def test_an_address_is_taken_as_people_write_it(base, address):
    assert address_of(base) == address


@pytest.mark.parametrize(
    "base",
    ["", "127.0.0.1:8000", "localhost:8000/v1", "/v1", "file:///etc/passwd", "ftp://host/v1", "http://", "http:///v1",
     "http://host:99999/v1", "http://host:x", "http://a b/v1", "http://host/v1?key=hunter2", "http://h/\nX: 1",
     "https://me:hunter2@host/v1", "me:hunter2@host", "unix:relative.sock", "unix:", "http://[::1", "javascript:1",
     "http://host\r\n/v1", "http://例子/v1"],
)  # fmt: skip
def test_what_is_no_address_of_a_server_is_a_usage_error_that_shows_no_password(base):
    with pytest.raises(UsageError) as caught:
        translator(base)
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.message.isprintable()
    assert caught.value.hint


def test_fields_that_a_server_refuses_are_left_out_from_then_on():
    refusals = [
        (400, {"error": {"message": "Unknown parameter: 'chat_template_kwargs'."}}, "chat_template_kwargs"),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "seed"),
        (400, {"message": "reasoning_effort must be low, medium or high"}, "reasoning_effort"),
    ]

    def answer(request):
        for status, complaint, name in refusals:
            if name in request.body:
                return Answer(complaint, status)
        return said("good")

    with HostileApi(answer) as api:
        model = translator(api)
        assert model.generate((prompt("a"),), Decoding(temperature=0.7))[0].text == "good"
        assert len(api.seen) == 4
        model.generate((prompt("a"),), Decoding(temperature=0.7))
        assert len(api.seen) == 5
    with (
        HostileApi(lambda request: Answer({"error": {"message": "context too long"}}, 400)) as api,
        pytest.raises(RuntimeFailure, match="answered 400: context too long"),
    ):
        translator(api).generate((prompt("a"),))


def test_a_request_says_what_the_decoding_says_and_a_reply_what_the_answer_says():
    def answer(request):
        if request.text == "cut":
            return said("half", finish_reason="length")
        return Answer({"choices": [{"message": {"content": "\ud800好"}}]})

    with HostileApi(answer) as api:
        model = translator(api)
        (cut,) = model.generate((prompt("cut", max_new_tokens=9),))
        (odd,) = model.generate((prompt("odd"),), Decoding(4, 0.7, 0.8, 20, 1.1, 5, ("han",)))
        (ours,) = translator(api, ours=True).generate((prompt("odd"),), Decoding(4, without=("han",)))
    assert cut == Reply("half", 7, finished=False)
    assert odd == ours == Reply("?好", 0, finished=True)
    greedy, sampled, own = (request.body for request in api.seen)
    assert {request.path for request in api.seen} == {"/v1/chat/completions"}
    assert greedy == {
        "model": "m",
        "messages": [{"role": "system", "content": "Translate."}, {"role": "user", "content": "cut"}],
        "max_tokens": 9,
        "temperature": 0.0,
        "stream": False,
        "chat_template_kwargs": {"enable_thinking": False},
        "reasoning_effort": "none",
    }
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "seed", "without")
    assert [sampled.get(name) for name in names] == [0.7, 0.8, 20, 1.1, 5, None]
    assert (own["beam_size"], own["without"]) == (4, ["han"])


def test_without_a_name_the_only_model_is_taken_and_several_are_listed():
    listed = []

    def answer(request):
        if request.path == "/v1/models":
            return Answer({"data": [{"id": name} for name in listed]})
        return said(request.body["model"])

    with HostileApi(answer) as api:
        with pytest.raises(UsageError, match="has no model"):
            translator(api, model="")
        listed.append("qwen3:4b")
        model = translator(api, model="")
        assert model.models() == ("qwen3:4b",)
        assert model.generate((prompt("a"),))[0].text == "qwen3:4b"
        listed.append("llama")
        with pytest.raises(UsageError) as caught:
            translator(api, model="")
        assert "qwen3:4b, llama" in caught.value.hint


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeFailure("the disk is full")])
def test_what_is_still_asked_is_broken_off_when_the_caller_stops(error):
    def stop(place, reply):
        raise error

    def answer(request):
        return said("good") if request.text == "quick" else api.hang

    prompts = (prompt("slow"), prompt("quick"), prompt("slow"))
    with HostileApi(answer) as api:
        model = translator(api, patience=Patience(timeout=60, attempts=5))
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else RuntimeFailure):
            model.generate(prompts, told=stop)
        assert time.monotonic() - began < 20  # not the 60 s that an answer may take
        assert model.generate((prompt("quick"),))[0].text == "good"


def test_a_kept_connection_that_the_server_closed_meanwhile_is_no_failure():
    with HostileApi(lambda request: said("good")) as api:
        model = translator(api, patience=Patience(timeout=5, attempts=1))
        model.generate((prompt("a"),))
        (line,) = model._lines
        line._socket.shutdown(socket.SHUT_RD)  # as if the server had gone: the next answer cannot be read
        assert model.generate((prompt("a"),))[0].text == "good"


def test_https_is_spoken_only_with_a_server_whose_certificate_is_trusted(tmp_path, monkeypatch):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HostileApi(lambda request: said("good"), context) as api:
        url = f"https://localhost:{api.port}/v1"
        with pytest.raises(UsageError, match="certificate of localhost:"):
            translator(url, key=SECRET).generate((prompt("a"),))
        assert api.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert translator(url, key=SECRET).generate((prompt("a"),))[0].text == "good"
        stranger = f"https://127.0.0.1:{api.port}/v1"  # a name that the certificate does not hold
        with pytest.raises(UsageError, match="certificate"):
            translator(stranger).generate((prompt("a"),))


def test_retry_after_is_seconds_or_a_date_or_nothing():
    assert retry_after("7") == 7.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after(said) for said in (None, "", "soon", "²", "-5")] == [None] * 5


def test_the_client_takes_no_proxy_from_the_environment(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with HostileApi(lambda request: said("good")) as api:
        assert translator(api).generate((prompt("a"),))[0].text == "good"
