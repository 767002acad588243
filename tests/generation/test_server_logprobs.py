"""How likely a server's replies were: asked for only if wanted, and read only if it is told of every token."""

import pytest

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.types import Request

ASKED = Request("q", ({"role": "user", "content": "q"},), "rag")


@pytest.fixture
def told(connect, mock_server):
    """The log-probability of a reply beside which the server sends `logprobs`."""

    def logprob(logprobs):
        def answer(body):
            completion = mock_server.completion("amber")
            completion["choices"][0]["logprobs"] = logprobs
            return completion

        mock_server.answer = answer
        [reply] = ask(connect(logprobs=True), [ASKED])
        assert reply.text == "amber" and mock_server.bodies[-1]["logprobs"] is True
        return reply.logprob

    return logprob


def token(logprob):
    return {"token": "x", "bytes": None, "logprob": logprob, "top_logprobs": []}


def test_the_mean_over_the_tokens_is_read(told):
    assert told({"content": [token(-0.5), token(-1.5)]}) == -1.0


@pytest.mark.parametrize(
    "said",
    [None, {}, {"content": None}, {"content": []}, {"content": [token(-1.0), token(None)]}, {"content": [{}]}, "no"],
    ids=str,
)
def test_what_is_not_told_of_every_token_is_not_known(told, said):
    assert told(said) is None


def test_they_are_not_asked_for_unless_wanted_nor_for_a_choice(connect, mock_server):
    ask(connect(), [ASKED])
    ask(connect(logprobs=True), [Request("q", ASKED.messages, "rag", choices=("Yes", "No"))])
    assert all("logprobs" not in body for body in mock_server.bodies) and len(mock_server.bodies) >= 2


def test_a_server_that_refuses_them_is_asked_without(connect, mock_server):
    def answer(body):
        if "logprobs" in body:
            return 422, {"detail": "Unsupported fields in the request: {'logprobs'}"}, {}
        return mock_server.completion("amber")

    mock_server.answer = answer
    notices = []
    replies = ask(connect(logprobs=True, concurrency=1, on_notice=notices.append), [ASKED, ASKED])
    assert [(reply.text, reply.logprob, reply.left_out) for reply in replies] == [("amber", None, ())] * 2
    assert len(mock_server.bodies) == 3, "the second call knows"
    [notice] = notices
    assert "rejects `logprobs`: it is left out, and replies have no log-probability" in notice
