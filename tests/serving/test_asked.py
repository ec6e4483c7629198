import json

import pytest

from bili2text.serving.asked import Asked, BadRequestError, asked, completion, events
from bili2text.serving.values import Limits
from bili2text.translators.api_talk import body_of, document_of, reply_of
from bili2text.translators.engine import Decoding, Message, Prompt, Reply

LIMITS = Limits(messages=4, new_tokens=1000)
ASKED = {"messages": [{"role": "user", "content": "你好"}]}


def understood(**fields):
    return asked(json.dumps({**ASKED, **fields}).encode(), "m", LIMITS)


def test_what_our_client_asks_is_what_the_server_understands():
    prompt = Prompt((Message("system", "Translate."), Message("user", "好\n“'")), 77)
    for decoding in (
        Decoding(),
        Decoding(4, without=("han", "kana")),
        Decoding(1, 0.7, 0.8, 20, 1.05, 2**40, ("latin",)),
    ):
        body = json.dumps(body_of(prompt, decoding, "m", ours=True)).encode()
        assert asked(body, "m", LIMITS) == Asked(prompt, decoding, stream=False)


def test_what_the_server_answers_is_the_reply_that_our_client_reads():
    for reply in (Reply("好 “\n", 3, finished=True), Reply("", 0, finished=False)):
        assert reply_of(document_of(json.dumps(completion(reply, "m", "1", 2)).encode())) == reply


def test_fields_of_other_clients_are_taken_where_they_mean_something_here():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    found = understood(
        messages=messages, max_completion_tokens=5, n=1, stop=None, user="x", top_k=-1, stream=True
    )
    assert found == Asked(
        Prompt((Message("system", "Be brief."), Message("user", "ab")), 5), Decoding(), stream=True
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": "a"}] * 5},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": [{"role": ["user"], "content": "a"}]},
        {"messages": [{"role": "user"}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": "file:///etc/passwd"}]}
            ]
        },
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"max_tokens": 0},
        {"max_tokens": 1001},
        {"max_tokens": 1.5},
        {"max_tokens": True},
        {"max_tokens": 10**400},
        {"temperature": -1},
        {"temperature": 10**400},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": "0"},
        {"top_p": 2},
        {"seed": 2**70},
        {"beam_size": 10_000},
        {"repetition_penalty": 0},
        {"without": "han"},
        {"without": ["../han"]},
        {"without": ["han"] * 100},
        {"stream": "yes"},
        {"n": 2},
        {"stop": ["\n"]},
        {"tools": [{}]},
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused(fields):
    with pytest.raises(BadRequestError) as caught:
        understood(**fields)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 100_000, b'{"messages": 1'])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(BadRequestError):
        asked(body, "m", LIMITS)


def test_another_model_than_the_one_here_is_not_found():
    with pytest.raises(BadRequestError) as caught:
        understood(model="gpt-5")
    assert caught.value.status == 404
    assert understood(model="m") == understood(model="") == understood()


def test_events_hold_the_text_the_end_and_the_word_that_ends_them():
    said = events(Reply("好", 1, finished=False), "m", "1", 2).decode()
    first, second, last = (line.removeprefix("data: ") for line in said.strip().split("\n\n"))
    assert json.loads(first)["choices"][0]["delta"]["content"] == "好"
    assert json.loads(second)["choices"][0]["finish_reason"] == "length"
    assert last == "[DONE]"
