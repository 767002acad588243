"""Where no terminal shows a bar, long work says now and then how far it is, by a clock that the tests hold."""

from functools import partial
from threading import Event

import pytest

from hf_selfdemo.core import console, lines
from hf_selfdemo.core.lines import EVERY_S, FIRST_S, Lines


class Work:
    """Lines of a piece of work, at the hands of a clock."""

    def __init__(self, total=0):
        self.now, self.said, self.calls = 100.0, [], 0
        self.lines = Lines("evaluate", self.said.append, total, lambda: self.now, lambda: self.calls)

    def after(self, seconds, **done):
        self.now += seconds
        if done:
            self.lines.advance(**done)
        self.lines.tick()
        return self.said.pop() if self.said else None


def test_the_first_line_comes_soon_and_the_others_at_a_distance():
    work = Work(total=100)
    told = {second for second in range(1, 120) if work.after(1, rows=1)}
    assert told == {FIRST_S, FIRST_S + EVERY_S, FIRST_S + 2 * EVERY_S, FIRST_S + 3 * EVERY_S}


def test_a_line_has_what_is_done_of_all_the_rate_and_the_time_left():
    work = Work(total=90)
    assert work.after(6, rows=3) == "evaluate: 3 of 90, 30.0 a minute, about 3 min left"
    told = work.after(30, rows=60, note="(loss 0.51)")
    assert told == "evaluate (loss 0.51): 63 of 90, 1.8 a second, about 15 s left"


@pytest.mark.parametrize(("rows", "rate"), [(200, "2.0 a second"), (50, "30.0 a minute"), (1, "36.0 an hour")])
def test_slow_work_has_a_rate_that_can_be_read(rows, rate):
    assert f", {rate}, about " in Work(total=1000).after(100, rows=rows)


def test_what_is_not_counted_tells_how_long_it_takes():
    work = Work()
    assert work.after(4) is None
    assert work.after(2) == "evaluate: 6 s so far"
    assert work.after(294) == "evaluate: 5 min so far"
    work.lines.end()
    assert not work.said


def test_a_total_may_be_learnt_later():
    work = Work()
    assert work.after(6) == "evaluate: 6 s so far"
    assert work.after(30, rows=0, total=40) == "evaluate: 0 of 40, none done for 36 s"
    assert work.after(30, rows=33, total=40).startswith("evaluate: 33 of 40, 30.0 a minute")


def test_while_no_row_is_finished_the_calls_show_that_work_goes_on():
    work = Work(total=24)
    work.calls = 38
    assert work.after(120) == "evaluate: 0 of 24, none done for 2 min; 38 calls to the model so far"
    assert work.after(30, rows=12).startswith("evaluate: 12 of 24, 4.8 a minute")


def test_what_an_earlier_start_did_is_counted_but_is_no_speed():
    work = Work()
    assert work.after(10, rows=0, total=100, before=60) == "evaluate: 60 of 100, none done for 0 s"
    assert work.after(30, rows=15) == "evaluate: 75 of 100, 30.0 a minute, about 50 s left"


def test_rows_that_cost_nothing_at_first_are_forgotten_for_the_rate():
    work = Work(total=10_000)
    work.after(5, rows=5_000)
    for _ in range(20):
        told = work.after(30, rows=30)
    assert "5600 of 10000, 1.0 a second" in told


def test_more_than_all_leaves_no_time():
    assert Work(total=3).after(10, rows=5) == "evaluate: 5 of 3, 30.0 a minute, about 0 s left"


def test_the_end_says_what_was_done_in_all_unless_it_took_no_time():
    work = Work(total=10)
    work.lines.advance(10)
    work.lines.end()
    assert not work.said
    work.now += 200
    work.lines.end()
    assert work.said == ["evaluate: 10 of 10 in 3 min"]


@pytest.fixture
def told(monkeypatch):
    """Lines that the console says, with a line due at every look: the clock runs ahead, and looks come at once."""
    said, heard, seconds = [], Event(), iter(range(0, 10**9, 40))

    def say(line, style=""):
        said.append(line)
        heard.set()

    monkeypatch.setattr(console, "say", say)
    monkeypatch.setattr(lines, "_LOOK_S", 0.001)
    monkeypatch.setattr(console, "Lines", partial(Lines, clock=lambda: float(next(seconds))))
    return said, heard


def test_bars_become_lines_where_there_is_no_terminal(told, capsys):
    said, heard = told
    with console.progress("demonstrate", 8) as advance:
        advance(2, note="(cheap)")
        for _ in range(2):  # the first may have been on its way before
            heard.clear()
            assert heard.wait(30)
        advance(6)
    assert any(line.startswith("demonstrate (cheap): 2 of 8, ") and line.endswith(" left") for line in said)
    assert said[-1].startswith("demonstrate: 8 of 8 in ")
    assert "━" not in capsys.readouterr().err


def test_spinners_become_lines_too(told):
    said, heard = told
    with console.waiting("loading weights"):
        assert heard.wait(30)
    assert said[0].startswith("loading weights: ") and said[0].endswith(" so far")


def test_work_that_fails_does_not_say_that_it_ended(told):
    said, _ = told
    with pytest.raises(ZeroDivisionError), console.progress("train", 4) as advance:
        advance(1)
        raise ZeroDivisionError
    assert not any(" in " in line for line in said)


def test_a_spinner_below_a_bar_waits_for_its_turn(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(console, "_log", console._Plain(stderr=True, force_jupyter=False))
    with console.progress("evaluate", 2) as advance, console.waiting("loading weights"), console.waiting("again"):
        advance(2, before=0)
    sent = capsys.readouterr().err
    assert "evaluate" in sent and "━" in sent and "loading weights" not in sent
    with console.waiting("loading weights"):
        pass
    assert "loading weights" in capsys.readouterr().err
