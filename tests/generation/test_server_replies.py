"""What a server sent with status 200: a reply that ended well, one that was cut off, or none at all."""

import json
from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.recorded import RecordedGenerator, call_key
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.verbs.cli import main

ASKED = Request("q", ({"role": "user", "content": "q"},), "rag")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def reply_to(connect, mock_server, ledger):
    """The reply to one call that the server answers with `completion(...)`, and whether it was recorded."""

    def reply(*parts, **named):
        mock_server.answer = lambda body: mock_server.completion(*parts, **named)
        generator = RecordedGenerator(connect(), ledger)
        [found] = ask(generator, [ASKED])
        return found, ledger.get(call_key(generator.identity, ASKED)) is not None

    return reply


@pytest.mark.parametrize("word", ["stop", "STOP", "eos", "eos_token", "stop_sequence", "end_turn", "COMPLETE"])
def test_an_end_that_is_known_is_one(reply_to, word):
    assert reply_to("amber", word) == (Reply("amber", "stop"), True)


@pytest.mark.parametrize(
    "word", ["length", "max_tokens", "MAX_TOKENS", "model_length", "token_limit", "model_context_window_exceeded"]
)
def test_what_was_cut_off_is_that_whatever_it_is_called(reply_to, word):
    assert reply_to("amb", word) == (Reply("amb", "length"), True)


@pytest.mark.parametrize(
    "word",
    [
        *("content_filter", None, "", "abort", "error", "tool_calls", "function_call", "SAFETY", "RECITATION", "OTHER"),
        *("refusal", "pause_turn", "insufficient_system_resource", "cancelled", "time_limit", "load", "a new one", 3),
    ],
)
def test_any_other_end_is_the_rows_error_and_not_recorded(reply_to, word):
    found, recorded = reply_to("amber", word, prompt_tokens=9, completion_tokens=2)
    assert found == Reply(
        "", "error", prompt_tokens=9, generated_tokens=2, error=f"the reply ended with finish_reason {word!r}"
    )
    assert not recorded


@pytest.mark.parametrize("ended", ["stop", "length"])
@pytest.mark.parametrize(
    ("text", "beside", "reason"),
    [
        (None, {}, "and gave no reason"),
        (" \n", {}, "and gave no reason"),
        ([], {}, "only thoughts"),
        (None, {"reasoning_content": "It says amber."}, "only thoughts: allow longer replies, or turn off"),
        ("", {"reasoning": "It says amber."}, "only thoughts"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "It says amber."}]}], {}, "only thoughts"),
        (None, {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}, "only tool calls"),
        (None, {"refusal": "I will\nnot."}, "but a refusal: I will not."),
    ],
)
def test_no_text_is_a_failed_call_with_its_reason_and_not_recorded(reply_to, text, beside, reason, ended):
    found, recorded = reply_to(text, ended, beside)
    assert (found.text, found.finish_reason) == ("", "error")
    assert found.error.startswith(f"the server sent no text, {reason}")
    assert not recorded


def test_thoughts_beside_the_text_are_never_the_text(reply_to):
    assert reply_to("amber", "stop", {"reasoning_content": "It says teal."})[0] == Reply("amber")
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": " amber "}]
    assert reply_to(parts, "stop")[0] == Reply("amber")


@pytest.mark.parametrize("where", ["choice", "top"])
def test_an_error_inside_a_200_is_told_in_the_servers_words(connect, mock_server, where):
    body = mock_server.completion("amb")
    (body["choices"][0] if where == "choice" else body)["error"] = {"code": 502, "message": "upstream\nis gone"}
    mock_server.answer = lambda sent: body
    [found] = ask(connect(), [ASKED])
    assert found == Reply("", "error", error="the server sent an error: upstream is gone")


def test_an_error_inside_a_200_may_be_all_there_is(connect, mock_server):
    mock_server.answer = lambda sent: {"error": {"message": "no provider"}}
    assert ask(connect(), [ASKED])[0].error == "the server sent an error: no provider"


def test_a_key_that_is_repeated_inside_a_200_is_not_shown(connect, mock_server, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-Very-Secret-0123456789")
    said = "x" * 190 + " sk-Very-Secret-0123456789"  # the line is cut inside the key
    mock_server.answer = lambda sent: mock_server.completion(None, "stop", {"refusal": said})
    assert "sk-" not in ask(connect(api_key_env="SOME_KEY"), [ASKED])[0].error


def test_a_text_that_was_once_recorded_as_empty_is_asked_for_again(connect, mock_server, ledger):
    key = call_key("server/tiny", ASKED)
    ledger.put(key, "server/tiny", "rag", "q", Reply("", "stop", prompt_tokens=7))
    first, again = (RecordedGenerator(connect(), ledger) for _ in range(2))
    assert ask(first, [ASKED]) == ask(again, [ASKED]) == [Reply("Q")]
    assert (first.usage.calls, again.usage.calls, len(mock_server.bodies)) == (1, 0, 1)


def test_nothing_with_a_text_is_ever_dropped(ledger):
    ledger.put("k", "server/tiny", "rag", "q", Reply("amber"))
    ledger.drop_empty("k")
    assert ledger.get("k") == Reply("amber")


@pytest.mark.parametrize("count", ["many", [], {}, -3, 10**30, float("nan"), float("inf"), None, "0"])
def test_an_account_that_is_no_number_loses_no_reply(reply_to, count):
    found, recorded = reply_to(
        "amber", prompt_tokens=count, completion_tokens=7, prompt_tokens_details={"cached_tokens": count}
    )
    assert found == Reply("amber", generated_tokens=7) and recorded


@pytest.mark.parametrize("usage", ["much", [3], 3])
def test_an_account_that_is_none_loses_no_reply(connect, mock_server, ledger, usage):
    mock_server.answer = lambda body: mock_server.completion("amber") | {"usage": usage}
    assert ask(RecordedGenerator(connect(), ledger), [ASKED]) == [Reply("amber")]


def test_numbers_in_other_forms_are_counted(reply_to):
    found, _ = reply_to("amber", prompt_tokens="40", completion_tokens=7.0)
    assert (found.prompt_tokens, found.generated_tokens) == (40, 7)


# --- thoughts in the text ---


def test_thoughts_are_cut_and_kept(reply_to):
    found, recorded = reply_to("<think>\nIt says amber.\n</think>\n\nAmber.")
    assert found == Reply("Amber.", raw="<think>\nIt says amber.\n</think>\n\nAmber.") and recorded


def test_thoughts_that_are_cut_off_leave_a_reply_that_was_cut_off(reply_to):
    assert reply_to("<think>It says", "length") == (Reply("", "length", raw="<think>It says"), True)


@pytest.mark.parametrize("text", ["<think>It says amber.", "<think>It says amber.</think>\n"])
def test_a_text_of_thoughts_alone_is_a_failed_call(reply_to, text):
    found, recorded = reply_to(text)
    assert (found.text, found.finish_reason) == ("", "error") and "contains only thoughts" in found.error
    assert not recorded


@pytest.mark.parametrize("said", ["Yes", '{"choice": "Yes"}', "**yes**"])
def test_a_choice_is_read_behind_the_thoughts(connect, mock_server, ledger, said):
    mock_server.answer = lambda body: mock_server.completion(f"<think>No, or yes?</think>{said}")
    asked = replace(ASKED, choices=("Yes", "No"))
    for _ in range(2):  # from the server, then from the ledger
        assert ask(RecordedGenerator(connect(structured_output="none"), ledger), [asked])[0].text == "Yes"
    assert len(mock_server.bodies) == 1


# --- from the command to the demonstrations ---


@pytest.fixture
def demonstrate(mock_server, tmp_path):
    """The command over three questions of one's own, asked of the mock server; its manifest."""
    facts = {"brell": "amber", "tosk": "teal", "vint": "scarlet"}
    passages = [{"id": thing, "title": thing, "text": f"The colour of {thing} is {c}."} for thing, c in facts.items()]
    questions = [{"id": t, "question": f"What is the colour of {t}?", "answers": [c]} for t, c in facts.items()]
    for name, rows in (("c", passages), ("q", questions)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = [
        *("demonstrate", f"--train_questions={tmp_path / 'q.jsonl'}", f"--train_corpus={tmp_path / 'c.jsonl'}"),
        *(f"--output_dir={tmp_path / 'run'}", "--engine=server", f"--server_url={mock_server.url}"),
        *("--server_model=tiny", "--server_concurrency=4", "--passages_per_question=3"),
    ]

    def run(*more):
        assert main([*flags, *more]) == 0
        return json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())

    def colour(body):
        asked = body["messages"][-1]["content"]
        return next(colour for thing, colour in facts.items() if f"colour of {thing}?" in asked)

    run.colour = colour
    return run


def test_a_row_whose_reply_was_filtered_is_no_demonstration_until_it_is_asked_again(demonstrate, mock_server):
    def answer(body):
        colour = demonstrate.colour(body)
        return mock_server.completion(colour, "content_filter" if colour == "teal" else "stop")

    mock_server.answer = answer
    manifest = demonstrate()
    assert manifest["demonstrations"] == 2
    assert manifest["skipped"] == {"a call failed; the same command asks again": 1}
    mock_server.answer = lambda body: mock_server.completion(demonstrate.colour(body))
    assert demonstrate()["demonstrations"] == 3


def test_after_the_server_is_mended_the_same_command_asks_for_the_missing_texts(demonstrate, mock_server, capsys):
    def answer(body):
        colour = demonstrate.colour(body)
        return mock_server.completion(None if colour == "teal" else colour, beside={"reasoning_content": "Hmm."})

    mock_server.answer = answer
    assert demonstrate()["demonstrations"] == 2
    mock_server.answer = lambda body: mock_server.completion(demonstrate.colour(body))
    manifest = demonstrate()
    assert manifest["demonstrations"] == 3 and manifest["usage"]["calls"] == 9, "the calls of one row"
    assert demonstrate()["usage"]["calls"] == 0
    assert "no call; all were in the generation cache" in capsys.readouterr().err


def test_thoughts_are_neither_judged_nor_trained_and_the_manifest_counts_them(
    demonstrate, mock_server, tmp_path, capsys
):
    def answer(body):
        colour = demonstrate.colour(body)
        thought = "It may be amber, teal or scarlet."
        texts = {
            "amber": f"<think>{thought}</think>\n\namber",
            "teal": f"{thought}\n</think>\nteal",
            "scarlet": f"<|channel|>analysis<|message|>{thought}<|end|><|channel|>final<|message|>scarlet",
        }
        return mock_server.completion(texts[colour])

    mock_server.answer = answer
    manifest = demonstrate()
    calls = manifest["usage"]["calls"]
    assert manifest["usage"]["thoughts_cut"] == calls > 0
    assert sorted(load_demonstrations(tmp_path / "run/demonstrations")["response"]) == ["amber", "scarlet", "teal"]
    assert f"thoughts were removed from {calls} replies" in " ".join(capsys.readouterr().err.split())
    assert demonstrate()["reused"]["thoughts_cut"] == calls


def test_a_parameter_that_was_left_out_is_told_and_in_the_manifest_of_later_starts_too(
    demonstrate, mock_server, capsys
):
    def answer(body):
        if "temperature" in body:
            return 400, {"error": {"message": "temperature is not supported"}}, {}
        return mock_server.completion(demonstrate.colour(body))

    mock_server.answer = answer
    calls = demonstrate()["usage"]["calls"]
    said = " ".join(capsys.readouterr().err.split())
    assert "rejects `temperature`: it is left out, and the server's default applies" in said
    assert f"{calls} were written without `temperature`, which the server rejects" in said
    assert demonstrate()["reused"]["left_out"] == {"temperature": calls}
