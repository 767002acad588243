"""Parameters that a server refuses: tried once without, remembered, told; and calls that all fail alike."""

import json

import pytest

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.recorded import RecordedGenerator


def asked(count, **fields):
    return [Request(str(i), ({"role": "user", "content": str(i)},), "rag", **fields) for i in range(count)]


def refuse(mock_server, name, refusal, status=400):
    """The server refuses every call that has the parameter."""
    mock_server.answer = lambda body: (status, refusal, {}) if name in body else mock_server.completion()


OPENAI = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
        "instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}
VALUE = {
    "error": {
        "message": "Unsupported value: 'temperature' does not support 0.7 with this model.",
        "param": "temperature",
        "code": "unsupported_value",
    }
}


@pytest.mark.parametrize(
    ("name", "refusal", "status"),
    [
        ("max_tokens", OPENAI, 400),
        ("temperature", VALUE, 400),
        ("seed", {"error": {"message": "Unrecognized request argument supplied: seed"}}, 400),
        ("seed", {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs..."}]}, 422),
        ("seed", {"message": "property 'seed' is unsupported, allowed are 'max_tokens', 'temperature'"}, 400),
        ("seed", "unknown field `seed`", 422),
    ],
)
def test_a_refused_parameter_costs_a_second_try_once(connect, mock_server, name, refusal, status):
    refuse(mock_server, name, refusal, status)
    said = []
    generator = connect(concurrency=1, on_notice=said.append)
    replies = ask(generator, asked(20, temperature=0.7, max_new_tokens=11))
    assert [reply.text for reply in replies] == ["fine"] * 20
    assert len(mock_server.bodies) == 21
    last = mock_server.bodies[-1]
    assert (last.get("max_tokens"), last.get("max_completion_tokens")) in [(11, None), (None, 11)]
    assert {"max_tokens", "seed", "temperature"} - last.keys() == {name}
    assert len(said) == 1 and f"rejects `{name}`" in said[0] and mock_server.url in said[0]
    decides = () if name == "max_tokens" else (name,)
    assert {reply.left_out for reply in replies} == {decides}


def test_several_may_be_refused(connect, mock_server):
    def answer(body):
        for name in ("max_tokens", "seed", "temperature"):
            if name in body:
                return 400, {"error": {"message": f"unknown parameter {name}"}}, {}
        return mock_server.completion()

    mock_server.answer = answer
    generator = connect(concurrency=1)
    assert [reply.text for reply in ask(generator, asked(5, temperature=1.0))] == ["fine"] * 5
    assert len(mock_server.bodies) == 3 + 5, "each is refused once"


def test_calls_in_flight_find_out_together(connect, mock_server):
    refuse(mock_server, "max_tokens", OPENAI)
    said = []
    generator = connect(concurrency=4, on_notice=said.append)
    assert [reply.text for reply in ask(generator, asked(40))] == ["fine"] * 40
    assert len(mock_server.bodies) <= 40 + 4 and len(said) == 1


def test_a_choice_is_still_constrained_where_a_parameter_is_refused(connect, mock_server):
    def answer(body):
        if "seed" in body:
            return 400, {"error": {"message": "seed: not supported"}}, {}
        return mock_server.completion(json.dumps({"choice": "No"}))

    mock_server.answer = answer
    [reply] = ask(connect(), asked(1, choices=("Yes", "No")))
    assert reply.text == "No" and "response_format" in mock_server.bodies[-1]
    assert reply.left_out == (), "nothing is drawn for a choice"


@pytest.mark.parametrize(
    "refusal",
    [
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: the context holds 2048 tokens",
        "the conversation is not supported",
        "temperature must be strictly positive",
    ],
)
def test_a_request_that_is_bad_in_itself_is_not_tried_without_a_parameter(connect, mock_server, refusal):
    mock_server.answer = lambda body: (400, {"error": {"message": refusal}}, {})
    [reply] = ask(connect(), asked(1))
    assert reply.error == f"HTTP 400: {refusal}" and len(mock_server.bodies) == 1


def test_nothing_is_learnt_from_a_second_try_that_fails_too(connect, mock_server):
    def answer(body):
        if mock_server.question(body) == "0":
            return 400, {"error": {"message": "seed is not supported"}}, {}
        return mock_server.completion()

    mock_server.answer = answer
    first, second = ask(connect(concurrency=1), asked(2))
    assert (first.finish_reason, second.text) == ("error", "fine")
    assert "seed" in mock_server.bodies[-1]


def test_the_account_tells_what_was_written_without_a_parameter(connect, mock_server, tmp_path):
    refuse(mock_server, "seed", {"error": {"message": "unknown parameter seed"}})
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for kind in ("usage", "reused"):  # from the server, then from the ledger
        generator = RecordedGenerator(connect(), ledger)
        ask(generator, [*asked(3, temperature=0.7), *asked(2)])
        found = getattr(generator, kind)
        assert found.left_out == {"seed": 3} == found.by_stage["rag"].left_out, "the greedy ones draw nothing"
    assert (generator.usage + generator.reused).left_out == {"seed": 3}


# --- calls that all fail alike ---


@pytest.mark.parametrize("concurrency", [1, 20])
@pytest.mark.parametrize(
    "answer",
    [
        lambda server: (400, {"error": {"message": f"no room for {len(server.bodies)} tokens"}}, {}),
        lambda server: server.completion(None),
        lambda server: server.completion("amber", "content_filter"),
        lambda server: (200, "{}", {}),
    ],
    ids=["refused", "no text", "filtered", "no completion"],
)
def test_the_first_calls_that_all_fail_alike_stop_the_rest(connect, mock_server, concurrency, answer):
    mock_server.answer = lambda body: answer(mock_server)
    with pytest.raises(
        UserError, match=r"the first calls to the server at .* all failed with the same error"
    ) as stopped:
        ask(connect(concurrency=concurrency), asked(300))
    assert "\n" not in str(stopped.value)
    assert len(mock_server.bodies) <= 2 * max(16, concurrency)


def test_one_good_reply_shows_that_it_is_the_rows(connect, mock_server):
    mock_server.answer = lambda body: mock_server.completion("fine" if mock_server.question(body) == "3" else None)
    replies = ask(connect(concurrency=1), asked(60))
    assert [reply.finish_reason for reply in replies].count("error") == 59
