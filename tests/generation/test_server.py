"""The engine over chat servers, against one that misbehaves on command and against a real one in its own process."""

import json
import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hf_selfdemo.core.conversation import ask, converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.server import ServerGenerator
from hf_selfdemo.verbs.cli import main

KEY = "sk-Very-Secret-0123456789"
SOON = {"retry-after-ms": "1"}  # spares the tests the SDK's back-off


def request(content, **fields):
    return Request(content, ({"role": "user", "content": content},), "rag", **fields)


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def choose(content, *choices):
    return request(content, choices=choices)


# --- one call ---


def test_has_all_that_a_generator_needs(connect):
    generator = connect(concurrency=7)
    assert isinstance(generator, Generator)
    assert generator.concurrency == 7


def test_identity_holds_the_model_and_nothing_about_the_place(connect):
    assert connect().identity == "server/tiny"


def test_sends_messages_and_sampling(connect, mock_server):
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"})
    [reply] = ask(connect(), [Request("1", messages, "rag", temperature=0.7, max_new_tokens=11, seed=5)])
    assert reply.text == "HELLO"
    [body] = mock_server.bodies
    assert body == {
        "messages": list(messages),
        "model": "tiny",
        "temperature": 0.7,
        "max_tokens": 11,
        "seed": 5,
    }


def test_seeds_fit_servers_that_read_32_bits_and_stay_apart(connect, mock_server):
    ask(connect(concurrency=1), [request("a", seed=2**47 + 3), request("b", seed=2**47 + 4)])
    seeds = [body["seed"] for body in mock_server.bodies]
    assert seeds[0] != seeds[1] and all(0 <= seed < 2**31 for seed in seeds)


def test_control_tokens_in_messages_are_disarmed(connect, mock_server):
    evil = "a<|im_end|>b</s>c[INST]d<end_of_turn>e<<SYS>>f<|<|x|>y|>g<｜User｜>h<|i[/INST]j|>k [NASA] 1 < 2 > 0"
    ask(connect(), [request(evil)])
    [sent] = mock_server.questions
    for token in ("<|im_end|>", "</s>", "[INST]", "<end_of_turn>", "<<SYS>>", "<|x|>", "<｜User｜>", "[/INST]"):
        assert token in evil and token not in sent
    assert sent.startswith("a< |im_end|>b< /s>c[ INST]d< end_of_turn>e") and sent.endswith("k [NASA] 1 < 2 > 0")


def test_tokens_are_counted_by_the_server(connect, mock_server):
    details = {"cached_tokens": 30}
    mock_server.answer = lambda body: mock_server.completion(
        " Paris \n", prompt_tokens=40, completion_tokens=2, prompt_tokens_details=details
    )
    assert ask(connect(), [request("q")]) == [Reply("Paris", prompt_tokens=40, cached_tokens=30, generated_tokens=2)]


def test_an_account_with_holes_counts_as_nothing(connect, mock_server):
    mock_server.answer = lambda body: mock_server.completion(prompt_tokens=4, prompt_tokens_details=None)
    [reply] = ask(connect(), [request("q")])
    assert (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) == (4, 0, 0)


@pytest.mark.parametrize("measured", [{"scored": "a text"}, {"contrasted": "a text"}, {"tokens": True}], ids=str)
def test_a_server_is_not_asked_how_likely_a_text_is(connect, mock_server, measured):
    mock_server.answer = lambda body: pytest.fail("asked")
    [reply] = ask(connect(), [replace(request("q"), **measured)])
    assert reply.finish_reason == "error" and "a server cannot score texts" in reply.error


# --- many calls ---


def test_replies_keep_their_places_and_come_as_they_are_done(connect, mock_server):
    fast_done = threading.Event()

    def answer(body):
        if mock_server.question(body) == "slow":
            fast_done.wait(5)
        return mock_server.completion(mock_server.question(body))

    mock_server.answer = answer
    order = []
    for place, reply in connect().stream([request("slow"), request("fast"), request("quick")]):
        order.append((place, reply.text))
        if len(order) == 2:
            fast_done.set()
    assert set(order[:2]) == {(1, "fast"), (2, "quick")} and order[2] == (0, "slow")


def test_no_more_calls_in_flight_than_allowed_over_all_threads(connect, mock_server):
    mock_server.answer = lambda body: mock_server.hang(0.05)
    generator = connect(concurrency=3)
    with ThreadPoolExecutor(4) as threads:
        batches = threads.map(lambda n: ask(generator, [request(f"{n}/{i}") for i in range(4)]), range(4))
        assert [len(batch) for batch in batches] == [4] * 4
    assert mock_server.peak == 3
    assert len(set(mock_server.questions)) == 16


def test_nothing_to_ask(connect, mock_server):
    assert list(connect().stream([])) == []
    assert mock_server.bodies == []


def test_rest_is_cancelled_when_nobody_wants_it(connect, mock_server):
    mock_server.answer = lambda body: (
        mock_server.completion() if mock_server.question(body) == "0" else mock_server.hang()
    )
    replies = connect(concurrency=2).stream([request(str(i)) for i in range(9)])
    assert next(replies)[0] == 0
    wait_until(lambda: len(mock_server.bodies) == 3)
    replies.close()
    mock_server.release.set()  # now all the others would be answered
    time.sleep(0.3)
    assert len(mock_server.bodies) == 3


@pytest.fixture
def interruptible():
    """Whoever started the tests in the background may have told them to ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupt_returns_at_once_and_cancels_what_waits(connect, mock_server, interruptible):
    mock_server.answer = lambda body: mock_server.hang()
    generator = connect(concurrency=2, timeout_s=60.0)

    def interrupt():
        wait_until(lambda: len(mock_server.bodies) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    start = time.monotonic()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(generator.stream([request(str(i)) for i in range(20)]))
    assert time.monotonic() - start < 10
    mock_server.answer = lambda body: mock_server.completion("back")
    assert ask(generator, [request("again")])[0].text == "back", "a slot is free again"
    assert len(mock_server.bodies) == 3


def test_dialogues_run_beside_each_other_and_lose_only_the_row_that_fails(connect, mock_server):
    both_here = threading.Barrier(2, timeout=5)

    def answer(body):
        word = mock_server.question(body)
        if word == "bad":
            return 400, {}, {}
        if word in ("a", "b"):
            both_here.wait()  # neither is answered before the other has come
        return mock_server.completion(word + "!")

    def dialogue(word):
        try:
            [first] = yield [request(word)]
            [second] = yield [request(first.text)]
        except CallFailed as error:
            return str(error)
        return second.text

    mock_server.answer = answer
    assert list(converse(map(dialogue, ["a", "bad", "b"]), connect())) == ["a!!", "HTTP 400", "b!!"]


# --- trouble of one row ---


def test_a_busy_server_is_asked_again_when_it_said(connect, mock_server):
    times = []

    def answer(body):
        times.append(time.monotonic())
        return (
            (429, {"error": {"message": "slow down"}}, {"Retry-After": "1"})
            if len(times) == 1
            else (mock_server.completion())
        )

    mock_server.answer = answer
    assert ask(connect(), [request("q")])[0].text == "fine"
    assert len(times) == 2 and times[1] - times[0] >= 1.0, "the SDK's own back-off would be half a second"


def test_a_server_that_stumbles_twice_costs_no_row(connect, mock_server):
    mock_server.answer = lambda body: (500, "oops", SOON) if len(mock_server.bodies) < 3 else mock_server.completion()
    assert ask(connect(), [request("q")])[0].text == "fine"
    assert len(mock_server.bodies) == 3


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (504, 4), (400, 1), (413, 1), (422, 1)])
def test_a_request_that_fails_for_good_is_lost_alone(connect, mock_server, status, tries):
    def answer(body):
        if mock_server.question(body) == "bad":
            return status, {"error": {"message": "cannot\n  take it"}}, SOON
        return mock_server.completion()

    mock_server.answer = answer
    replies = ask(connect(), [request(q) for q in ("a", "bad", "b")])
    assert [reply.text for reply in replies] == ["fine", "", "fine"]
    assert replies[1] == Reply("", "error", error=f"HTTP {status}: cannot take it")
    assert mock_server.questions.count("bad") == tries


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
@pytest.mark.parametrize("body", ['{"choices": [', "<html>", "[]", "{}", '{"choices": []}', '{"choices": [{}]}'])
def test_what_is_no_completion_is_the_rows_error(connect, mock_server, body, content_type):
    mock_server.answer = lambda sent: (200, body, {"Content-Type": content_type})
    assert ask(connect(), [request("q")]) == [Reply("", "error", error="the server's answer is not a chat completion")]


def test_a_request_that_hangs_while_others_are_answered_is_lost_alone(connect, mock_server):
    def answer(body):
        return mock_server.hang() if mock_server.question(body) == "hang" else mock_server.hang(0.3)

    mock_server.answer = answer
    replies = ask(connect(concurrency=2, timeout_s=1.0, max_retries=0), [request(q) for q in ("hang", "a", "b")])
    assert replies[0] == Reply("", "error", error="no reply within 1 s")
    assert [reply.finish_reason for reply in replies[1:]] == ["stop", "stop"]


def test_a_long_answer_is_cut_to_a_line(connect, mock_server):
    mock_server.answer = lambda body: (400, {"detail": "x\n" * 5000}, {})
    [reply] = ask(connect(), [request("q")])
    assert len(reply.error) < 250 and "\n" not in reply.error


# --- trouble of all rows ---


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, ["rejects the key", "HTTP 401: no entry", "environment variable SOME_KEY"]),
        (403, {}, ["rejects the key", "HTTP 403: no entry", "environment variable SOME_KEY"]),
        (402, {}, ["requires payment", "HTTP 402: no entry", "add credit", "finished calls are kept"]),
        (404, {}, ["has no model 'tiny'", "`server_model`", "`server_url`"]),
        (429, SOON, ["accepts no more calls", "lower `server_concurrency`", "finished calls are kept"]),
        (429, {"Retry-After": "3600"}, ["accepts no more calls", "wait"]),
        (503, SOON, ["does not answer", "check that it runs", "finished calls are kept"]),
    ],
)
def test_a_server_that_would_refuse_every_row_stops_all(connect, mock_server, status, headers, words):
    mock_server.answer = lambda body: (status, {"error": {"message": "no entry"}}, headers)
    generator = connect(concurrency=2, api_key_env="SOME_KEY")
    with pytest.raises(UserError) as error:
        ask(generator, [request(str(i)) for i in range(30)])
    assert "\n" not in str(error.value)
    for word in [*words, mock_server.url]:
        assert word in str(error.value)
    assert len(set(mock_server.questions)) <= 4, "what had not started was not sent"


def test_a_wrong_path_is_told(mock_server):
    generator = ServerGenerator(mock_server.url.removesuffix("/v1"), "tiny")
    with pytest.raises(UserError, match=r"check `server_url` \(most end in /v1\)"):
        ask(generator, [request("q")])


def test_a_server_that_is_not_there(connect, mock_server):
    mock_server.close()
    with pytest.raises(
        UserError, match=r"does not answer \(ConnectError\): check that it runs and that `server_url` is"
    ):
        ask(connect(max_retries=0), [request("q")])


def test_a_server_that_hangs(connect, mock_server):
    mock_server.answer = lambda body: mock_server.hang()
    with pytest.raises(UserError, match=r"no reply within 1 s\): check that it runs, or raise `server_timeout_s`"):
        ask(connect(timeout_s=1.0, max_retries=1), [request("q")])
    assert len(mock_server.bodies) == 2


def test_replies_that_are_there_are_handed_over_first(connect, mock_server):
    here = threading.Event()

    def answer(body):
        if mock_server.question(body) == "last":
            here.wait(5)
            return 401, {}, {}
        return mock_server.completion()

    mock_server.answer = answer
    got = []
    with pytest.raises(UserError, match="rejects the key"):
        for place, _ in connect().stream([request("last")] + [request(str(i)) for i in range(5)]):
            got.append(place)
            if not here.is_set():
                wait_until(lambda: len(mock_server.bodies) == 6 and mock_server.in_flight == 1)
                time.sleep(0.3)  # for what the server sent to arrive
                here.set()
                wait_until(lambda: mock_server.in_flight == 0)
                time.sleep(0.3)
    assert sorted(got) == [1, 2, 3, 4, 5]


def test_calls_of_other_threads_that_wait_fall_too_and_later_ones_do_not(connect, mock_server):
    def answer(body):
        mock_server.hang(0.2)
        return 401, {}, {}

    mock_server.answer = answer
    generator = connect(concurrency=1)
    with ThreadPoolExecutor(8) as threads:
        failed = [threads.submit(ask, generator, [request(str(i))]) for i in range(8)]
    assert all("rejects the key" in str(one.exception()) for one in failed)
    assert len(mock_server.bodies) == 1
    mock_server.answer = lambda body: mock_server.completion("back")
    assert ask(generator, [request("again")])[0].text == "back"


# --- choices ---


def obey(mock_server):
    """The server takes the last choice that it is allowed."""

    def answer(body):
        if "response_format" in body:
            schema = body["response_format"]["json_schema"]["schema"]
            return mock_server.completion(json.dumps({"choice": schema["properties"]["choice"]["enum"][-1]}))
        return mock_server.completion(body["structured_outputs"]["choice"][-1])

    mock_server.answer = answer


@pytest.mark.parametrize("way", ["auto", "json_schema", "choice"])
def test_constrained_choice(connect, mock_server, way):
    obey(mock_server)
    generator = connect(structured_output=way)
    requests = [request(str(i), choices=("Yes", "No"), temperature=0.7, max_new_tokens=1) for i in range(5)]
    assert [(reply.text, reply.scores) for reply in ask(generator, requests)] == [("No", ())] * 5
    assert len(mock_server.bodies) == 5, "finding out how costs no call of its own"
    assert all(body["temperature"] == 0 and body["max_tokens"] > 20 for body in mock_server.bodies)


@pytest.mark.parametrize("status", [400, 422])
def test_auto_goes_on_without_where_the_server_refuses(connect, mock_server, status):
    def answer(body):
        refusal = status, {"detail": "unknown field response_format"}, {}
        return refusal if "response_format" in body else mock_server.completion("No.")

    mock_server.answer = answer
    generator = connect()
    assert [r.text for r in ask(generator, [choose(str(i), "Yes", "No") for i in range(6)])] == ["No"] * 6
    assert [r.text for r in ask(generator, [choose("later", "Yes", "No")])] == ["No"]
    assert sum("response_format" in body for body in mock_server.bodies) == 1
    assert len(mock_server.bodies) == 8


def test_auto_goes_on_without_where_the_server_ignores(connect, mock_server):
    mock_server.answer = lambda body: mock_server.completion("Well, it depends.")
    replies = ask(connect(), [choose(str(i), "Yes", "No") for i in range(6)])
    assert [reply.text for reply in replies] == ["Well, it depends."] * 6, "the raw text where no choice is named"
    assert sum("response_format" in body for body in mock_server.bodies) == 1
    assert len(mock_server.bodies) == 6


def test_a_request_that_is_bad_in_itself_decides_nothing(connect, mock_server):
    obey(mock_server)
    obedient = mock_server.answer
    mock_server.answer = lambda body: (400, {}, {}) if mock_server.question(body) == "too long" else obedient(body)
    generator = connect(concurrency=1)
    bad, good = ask(generator, [choose("too long", "Yes", "No"), choose("fine", "Yes", "No")])
    assert bad.finish_reason == "error" and good.text == "No"
    assert "response_format" in mock_server.bodies[-1]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Yes", "Yes"),
        ("**yes**.", "Yes"),
        ('"No"', "No"),
        ('{"choice": "no"}', "No"),
        ("Nobody knows", "Nobody knows"),
        ("Yes and no", "Yes and no"),
        ('{"choice": 3}', '{"choice": 3}'),
        ("", ""),
    ],
)
def test_a_choice_is_read_only_where_nothing_else_is_said(connect, mock_server, said, read):
    mock_server.answer = lambda body: mock_server.completion(said)
    assert ask(connect(structured_output="none"), [choose("q", "Yes", "No")])[0].text == read
    assert "response_format" not in mock_server.bodies[0] and mock_server.bodies[0]["max_tokens"] == 32


# --- the key ---


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY + "\n")


def test_key_goes_to_the_server_and_nowhere_else(key, connect, mock_server, tmp_path, caplog):
    """Not even where the server repeats it."""
    caplog.set_level(logging.DEBUG)

    def answer(body):
        if mock_server.question(body) == "bad":
            return 400, {"error": {"message": f"bad request by {KEY}"}}, {}
        return mock_server.completion() if mock_server.question(body) == "good" else (401, f"unknown: {KEY}", {})

    mock_server.answer = answer
    inner = connect(api_key_env="SOME_KEY", concurrency=1)
    generator = RecordedGenerator(inner, Ledger(tmp_path / "ledger.sqlite"))
    good, bad = ask(generator, [request("good"), request("bad")])
    with pytest.raises(UserError) as refused:
        ask(generator, [request("refused")])
    assert mock_server.authorizations == [f"Bearer {KEY}"] * 3
    assert good.text == "fine" and bad.error == "HTTP 400: bad request by [key]"
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"fine" in files and caplog.text
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    for place in (inner.identity, inner, vars(inner), bad, chain, files, caplog.text):
        assert KEY not in repr(place)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("tok", "max_tokens of tok is too large"),  # shorter than a secret
        ("tokens-of", "max_tokens of [key] is too large"),
    ],
)
def test_a_short_key_rewrites_no_word(connect, mock_server, monkeypatch, key, told):
    monkeypatch.setenv("SOME_KEY", key)
    said = told.replace("[key]", key)
    mock_server.answer = lambda body: (400, {"error": {"message": said}}, {})
    [reply] = ask(connect(api_key_env="SOME_KEY"), [request("q")])
    assert reply.error == f"HTTP 400: {told}"


def test_a_middling_key_is_hidden_where_it_stands_alone(connect, mock_server, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "complete")
    mock_server.answer = lambda body: (400, {"error": {"message": "completely bad, complete"}}, {})
    assert ask(connect(api_key_env="SOME_KEY"), [request("q")])[0].error == "HTTP 400: completely bad, [key]"


def test_a_quota_that_is_used_up_is_told_as_such(connect, mock_server):
    error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
    mock_server.answer = lambda body: (429, {"error": error}, SOON)
    with pytest.raises(UserError, match=r"requires payment .*add credit"):
        ask(connect(max_retries=0), [request("q")])


def test_unset_key_is_no_obstacle(key, connect, mock_server, monkeypatch):
    monkeypatch.delenv("SOME_KEY")
    assert ask(connect(api_key_env="SOME_KEY"), [request("q")])[0].text == "Q"


def test_a_key_given_in_place_of_its_variable_is_not_repeated(connect):
    for key in (KEY, "hf_abcdefgh"):
        with pytest.raises(UserError, match="give the name of the variable") as error:
            connect(api_key_env=key)
        assert key not in str(error.value)


def test_a_key_that_no_header_can_hold_is_not_repeated(key, connect, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-\nsecret")
    with pytest.raises(UserError, match="SOME_KEY does not contain a valid key") as error:
        connect(api_key_env="SOME_KEY")
    assert "secret" not in str(error.value)


# --- arguments ---


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "", "http://", "ftp://host/v1", "http://[bad/v1", "http://me:secret@host/v1"]
)
def test_an_unusable_address_is_refused_and_not_repeated(url):
    with pytest.raises(UserError, match="server_url is not a plain http address") as error:
        ServerGenerator(url, "tiny")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"timeout_s": 0}, {"max_retries": -1}])
def test_a_number_out_of_range_is_refused(connect, wrong):
    with pytest.raises(UserError, match={"max_retries": "server_retries"}.get(next(iter(wrong)), next(iter(wrong)))):
        connect(**wrong)


def test_an_unknown_way_of_choosing_is_refused_with_the_known_ones(connect):
    with pytest.raises(UserError, match=r"'regex'.*json_schema"):
        connect(structured_output="regex")


def test_missing_sdk_is_told_with_its_remedy(connect, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UserError, match=r"pip install 'hf-selfdemo\[server\]'"):
        connect()


# --- a real server ---


@pytest.fixture(scope="module")
def served(start_server, model_folder):
    settings = Path(model_folder, "generation_config.json")
    kept = settings.read_text()
    settings.write_text(json.dumps(json.loads(kept) | {"do_sample": True}))  # else this server never samples
    server = start_server(model_folder)
    server.wait()
    settings.write_text(kept)
    return server


@pytest.fixture
def generator(served):
    return ServerGenerator(served.url, served.folder, concurrency=2, max_retries=1)


def test_greedy_replies_are_those_of_the_model(generator, model, tokenizer):
    import torch

    messages = [{"role": "user", "content": "Who discovered germanium?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        ids = model.generate(prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :]
    [reply] = ask(generator, [request("Who discovered germanium?", max_new_tokens=12)])
    assert reply.text == tokenizer.decode(ids, skip_special_tokens=True).strip() != ""
    assert (reply.prompt_tokens, reply.generated_tokens) == (prompt.shape[1], len(ids))
    assert reply.finish_reason == ("stop" if ids[-1] == tokenizer.eos_token_id else "length")


def test_one_seed_gives_one_text_and_others_differ(generator):
    texts = [ask(generator, [request("Who?", temperature=1.0, seed=seed)])[0].text for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_many_calls_at_once_answer_like_one_by_one(generator):
    requests = [request(f"Question {i}?", max_new_tokens=6) for i in range(12)]
    assert ask(generator, requests) == [ask(generator, [one])[0] for one in requests]


def test_choices_are_answered_though_this_server_knows_no_schema(generator):
    replies = ask(generator, [choose(f"Question {i}?", "Yes", "No") for i in range(3)])
    assert [reply.finish_reason == "error" for reply in replies] == [False] * 3


def test_demonstrations_are_written_over_a_server_and_only_once(served, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    flags = [
        *("demonstrate", "--engine=server", f"--server_url={served.url}", f"--server_model={served.folder}"),
        *(f"--output_dir={tmp_path / 'run'}", "--max_train_questions=3", "--max_train_unanswerable=1"),
        *("--passages_per_question=1", "--max_candidate_tokens=4", "--judge=tournament", "--server_concurrency=2"),
    ]
    assert main(flags) == 0
    manifest = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())
    assert manifest["usage"]["calls"] >= 3 * 9 + 3 and manifest["rows_in"] == 4
    assert manifest["usage"]["prompt_tokens"] > 0 and manifest["on_policy"] == {}
    assert main([*flags, "--pair_policy=gold"]) == 0
    assert json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())["usage"]["calls"] == 0
    said = "".join(capsys.readouterr()).encode()
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"sk-not-to-be-seen" not in said + written and served.url.encode() not in written


def test_a_model_that_the_server_does_not_have_fails_with_its_words(served):
    [reply] = ask(ServerGenerator(served.url, "another"), [request("q")])
    assert reply.finish_reason == "error" and "'another'" in reply.error


def test_killed_server_loses_no_finished_call_and_the_rest_is_asked_after_a_restart(served, tmp_path):
    requests = [request(f"Question {i}?", max_new_tokens=48) for i in range(30)]

    def start_anew():
        generator = ServerGenerator(served.url, served.folder, concurrency=2, max_retries=1)
        return RecordedGenerator(generator, Ledger(tmp_path / "ledger.sqlite"))

    first, kept = start_anew(), {}
    with pytest.raises(UserError, match=r"does not answer .*finished calls are kept"):
        for place, reply in first.stream(requests):
            kept[place] = reply
            if len(kept) == 3:
                served.kill()
    assert 3 <= len(kept) < len(requests)
    served.start()
    served.wait()
    second = start_anew()
    replies = ask(second, requests)
    assert second.reused.calls == len(kept) == first.usage.calls
    assert second.usage.calls == len(requests) - len(kept)
    assert all(reply.text and reply.finish_reason != "error" for reply in replies)
    assert {place: replies[place] for place in kept} == kept


@pytest.mark.real_model
def test_a_real_model_behind_a_server_knows_the_capital_of_france(start_server):
    from hf_selfdemo.generation.models import DEFAULT_MODEL, resolve_model

    server = start_server(resolve_model(DEFAULT_MODEL).path)
    server.wait()
    generator = ServerGenerator(server.url, server.folder)
    [reply] = ask(generator, [request("What is the capital of France?", max_new_tokens=24)])
    assert "Paris" in reply.text
    assert reply.prompt_tokens > 10 and reply.generated_tokens > 3
