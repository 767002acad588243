"""Equal calls are made once; what decides a reply is in the key, what does not is not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.recorded import RecordedGenerator, call_key
from hf_selfdemo.generation.scripted import ScriptedGenerator

ASKED = Request("q1/rag/0", ({"role": "user", "content": "hello"},), "rag", 1.0, 8, 3)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


def test_it_is_a_generator_itself(ledger):
    assert isinstance(RecordedGenerator(ScriptedGenerator(), ledger), Generator)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ({"role": "user", "content": "hullo"},)},
        {"messages": ({"role": "system", "content": "hello"},)},
        {"temperature": 0.9},
        {"max_new_tokens": 9},
        {"seed": 4},
        {"choices": ("a", "b")},
        {"scored": "a text"},
        {"openings": ("a text",)},
        {"avoid": ("a text",)},
        {"contrasted": "a text"},
        {"tokens": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_a_reply_is_in_the_key(change):
    assert call_key("m", replace(ASKED, **change)) != call_key("m", ASKED) != call_key("n", ASKED)


def test_what_does_not_decide_it_is_not():
    for change in ({"id": "x"}, {"stage": "x"}, {"share": "x"}, {"keep": True}):
        assert call_key("m", replace(ASKED, **change)) == call_key("m", ASKED)
    greedy = replace(ASKED, temperature=0.0)
    assert call_key("m", greedy) == call_key("m", replace(greedy, seed=9)), "nothing is drawn"


def test_a_field_that_is_not_set_changes_no_key():
    """As it was when requests had nothing to be scored."""
    known = "e919669049e8f8feee19635c096ffea8530d77529aaf07a04f2622cdaeafba2f"
    assert call_key("m", ASKED) == known and call_key("m", replace(ASKED, scored="")) == known
    assert call_key("m", replace(ASKED, contrasted="", tokens=False)) == known


def test_equal_calls_are_made_once_and_all_get_the_reply(ledger):
    generator = RecordedGenerator(ScriptedGenerator(), ledger)
    requests = [ASKED, replace(ASKED, id="other"), replace(ASKED, seed=5), ASKED]
    assert [r.text for r in ask(generator, requests)] == ["HELLO"] * 4
    assert (generator.usage.calls, generator.reused.calls) == (2, 0)
    again = RecordedGenerator(ScriptedGenerator(lambda r: pytest.fail("asked again")), ledger)
    assert ask(again, requests) == ask(generator, requests)
    assert (again.usage.calls, again.reused.calls) == (0, 2)
    assert again.reused.generated_tokens == generator.usage.generated_tokens == 2


def test_each_reply_is_on_the_disk_before_the_next_is_waited_for(ledger):
    generator = RecordedGenerator(ScriptedGenerator(), ledger)
    stream = generator.stream([replace(ASKED, seed=i) for i in range(5)])
    next(stream), next(stream)
    stream.close()
    assert ledger.summary()[0]["calls"] == 2


def test_a_failed_call_is_not_kept(ledger):
    class Failing(ScriptedGenerator):
        def stream(self, requests):
            yield from ((i, Reply("", "error", error="no")) for i in range(len(requests)))

    assert ask(RecordedGenerator(Failing(), ledger), [ASKED])[0].finish_reason == "error"
    assert ask(RecordedGenerator(ScriptedGenerator(), ledger), [ASKED])[0].text == "HELLO"


def test_thoughts_are_recorded_and_not_handed_over(ledger):
    thinks = ScriptedGenerator(lambda request: "<think>hm</think>Hello.")
    first, again = RecordedGenerator(thinks, ledger), RecordedGenerator(thinks, ledger)
    asked = replace(ASKED, max_new_tokens=99)
    assert [ask(one, [asked])[0].text for one in (first, again)] == ["Hello."] * 2
    assert (first.usage.thoughts_cut, again.usage.thoughts_cut, again.reused.thoughts_cut) == (1, 0, 1)
    assert "hm" in str(ledger.get(call_key("scripted", asked)))


@pytest.mark.parametrize(
    "recorded",
    [
        Reply("<think>hm</think>Hello."),  # before thoughts were cut
        Reply("hm Hello.", raw="<think>hm</think>Hello."),  # cut by other rules
    ],
)
def test_what_was_recorded_under_other_rules_follows_those_of_today(ledger, recorded):
    ledger.put(call_key("scripted", ASKED), "scripted", "rag", "q", recorded)
    generator = RecordedGenerator(ScriptedGenerator(lambda request: pytest.fail("asked again")), ledger)
    assert ask(generator, [ASKED]) == [Reply("Hello.", raw="<think>hm</think>Hello.")]


def test_an_empty_text_of_a_model_in_process_is_its_reply(ledger):
    first, again = (RecordedGenerator(ScriptedGenerator(lambda request: ""), ledger) for _ in range(2))
    assert ask(first, [ASKED])[0] == ask(again, [ASKED])[0] and again.usage.calls == 0


def test_a_reply_with_an_end_that_nobody_knows_is_not_kept(ledger):
    class Odd(ScriptedGenerator):
        def stream(self, requests):
            yield from ((i, Reply("hidden", "content_filter")) for i in range(len(requests)))

    ask(RecordedGenerator(Odd(), ledger), [ASKED])
    assert ledger.get(call_key("scripted", ASKED)) is None


def test_a_call_that_another_thread_is_making_is_waited_for(ledger):
    """Equal calls of two rows that are in flight at once, as with a server; a call that fails is made by each."""
    made, start = [], threading.Barrier(4)

    class Slow(ScriptedGenerator):
        def stream(self, requests):
            made.extend(request.id for request in requests)
            time.sleep(0.1)
            for i, reply in super().stream(requests):
                yield i, replace(reply, finish_reason="error") if requests[i].stage == "failing" else reply

    def drive(number):
        generator, equal = RecordedGenerator(Slow(), ledger), replace(ASKED, id=f"equal/{number}")
        failing = replace(ASKED, id=f"failing/{number}", stage="failing", seed=99)
        start.wait()
        return [reply.text for reply in ask(generator, [equal, failing])], generator

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(drive, range(4)))
    assert [texts for texts, _ in ended] == [["HELLO", "HELLO"]] * 4
    assert [name.partition("/")[0] for name in sorted(made)] == ["equal"] + ["failing"] * 4
    assert sorted(generator.reused.calls for _, generator in ended) == [0, 1, 1, 1]


def test_claims_end_when_nobody_wants_the_rest_or_the_engine_fails(ledger):
    class Failing(ScriptedGenerator):
        def stream(self, requests):
            yield next(super().stream(requests))
            raise RuntimeError("down")

    two = [ASKED, replace(ASKED, seed=4)]
    next(RecordedGenerator(ScriptedGenerator(), ledger).stream(two))
    with pytest.raises(RuntimeError, match="down"):
        list(RecordedGenerator(Failing(), ledger).stream([*two, replace(ASKED, seed=5)]))
    assert len(ask(RecordedGenerator(ScriptedGenerator(), ledger), [*two, replace(ASKED, seed=5)])) == 3
