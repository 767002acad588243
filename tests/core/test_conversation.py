"""Dialogues run beside each other, end in order, and fail alone."""

import threading
import time
from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import ask, converse
from hf_selfdemo.core.errors import CallFailed
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.scripted import ScriptedGenerator


def request(text):
    return Request(text, ({"role": "user", "content": text},), "test")


def counting(name, turns):
    """Asks so many times, one request more each time, and returns all it was told."""
    heard = []
    for turn in range(turns):
        replies = yield [request(f"{name} {turn} {i}") for i in range(turn + 1)]
        heard += [reply.text for reply in replies]
    return heard


class Watching(ScriptedGenerator):
    """Notes what was asked together, and how many threads asked at once."""

    def __init__(self, concurrency=1, delay=0.0):
        super().__init__()
        self.concurrency, self.delay = concurrency, delay
        self.waves, self.inside, self.most = [], 0, 0
        self.lock = threading.Lock()

    def stream(self, requests):
        with self.lock:
            self.waves.append([r.id for r in requests])
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(self.delay)
        with self.lock:
            self.inside -= 1
        yield from reversed(list(super().stream(requests)))


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("window", [1, 3, 100])
def test_results_come_in_order_whatever_the_window(window, concurrency):
    turns = [3, 0, 1, 5, 2, 0, 0, 4]
    found = list(converse((counting(i, n) for i, n in enumerate(turns)), Watching(concurrency), window))
    assert found == [[f"{i} {t} {k}" for t in range(n) for k in range(t + 1)] for i, n in enumerate(turns)]


def test_all_rows_in_flight_ask_in_one_wave_and_a_finished_one_makes_room():
    generator = Watching()
    list(converse((counting(i, n) for i, n in enumerate([1, 2, 2, 1])), generator, window=2))
    assert [sorted({i.split()[0] for i in wave}) for wave in generator.waves] == [["0", "1"], ["1", "2"], ["2", "3"]]


def test_dialogues_are_taken_only_as_there_is_room():
    started = []

    def noted(i):
        started.append(i)
        yield [request(str(i))]
        return i

    results = converse((noted(i) for i in range(1000)), ScriptedGenerator(), window=4)
    assert next(results) == 0 and len(started) <= 8


def test_an_engine_asked_from_threads_is_asked_by_many_rows_at_once():
    generator = Watching(concurrency=8, delay=0.02)
    list(converse((counting(i, 2) for i in range(12)), generator, window=6))
    assert 6 < generator.most <= 8, "no fewer rows than calls that the engine takes"


def test_nothing_more_is_asked_once_nobody_waits():
    generator = Watching(concurrency=2, delay=0.05)
    results = converse((counting(i, 6) for i in range(20)), generator, window=2)
    next(results)
    results.close()
    asked = len(generator.waves)
    time.sleep(0.2)
    assert len(generator.waves) == asked < 30


class Failing(ScriptedGenerator):
    def __init__(self, concurrency, bad):
        super().__init__()
        self.concurrency, self.bad = concurrency, bad

    def stream(self, requests):
        for i, reply in super().stream(requests):
            yield i, Reply("", "error", error="no luck") if self.bad in requests[i].id else reply


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_failed_call_is_thrown_into_its_own_dialogue(concurrency):
    def careful(i):
        try:
            yield [request(f"row {i}"), request(f"row {i} too")]
        except CallFailed as failure:
            return f"{i} {failure}"
        return "fine"

    results = list(converse((careful(i) for i in range(5)), Failing(concurrency, "3 too")))
    assert results == ["fine", "fine", "fine", "3 no luck", "fine"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_failure_that_nobody_expects_is_raised(concurrency):
    with pytest.raises(CallFailed, match="no luck"):
        list(converse((counting(i, 2) for i in range(5)), Failing(concurrency, "3 1")))


def test_replies_are_put_back_in_order():
    assert [r.text for r in ask(Watching(), [request("a"), request("b"), request("c")])] == ["A", "B", "C"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_engine_that_tells_no_openings_costs_no_answer(concurrency):
    class Plain(Watching):
        def stream(self, requests):
            for place, reply in super().stream(requests):
                asked = requests[place]
                yield place, Reply("", "error", error="cannot") if asked.openings or asked.avoid else reply

    def both(name):
        openings, avoid = replace(request(name), openings=("I",)), replace(request(name), avoid=("I",))
        said, *others = yield [request(name), openings, avoid]
        return said.text, [other.finish_reason for other in others]

    found = list(converse(map(both, ["a", "b"]), Plain(concurrency)))
    assert found == [("A", ["error", "error"]), ("B", ["error", "error"])]
