"""A question is answered closed-book, and asked about with passages where the gate says so."""

from dataclasses import replace

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.gate import Gate
from hf_selfdemo.methods.lagr_seq import Gated, Gating

ROW = Evidence(
    Question("q1", "Who discovered germanium?", ("Clemens Winkler",)),
    (Passage("p1", "Clemens Winkler discovered it in 1886.", "Germanium", score=4.0),),
)
GATE = Gate((-0.5,), (), ("who",), {"confidence 1/2, score 1/1, who": 0.4, "confidence 2/2, score 1/1, who": -0.4}, {})


def held(gated, row=ROW, mode="rag", logprob=-1.0):
    """The answer, and the requests of each turn."""
    dialogue, turns, replies = gated.answer(row, mode), [], None
    while True:
        try:
            turns.append(dialogue.send(replies))
        except StopIteration as end:
            return end.value, turns
        replies = [Reply(f"by {r.id}", logprob=logprob) for r in turns[-1]]


def test_an_unsure_answer_is_asked_again_with_passages():
    answer, turns = held(Gated(gate=GATE))
    assert [[r.id for r in turn] for turn in turns] == [["q1/own"], ["q1"]]
    assert ["1886" in repr(turn) for turn in turns] == [False, True]
    assert answer.text == "by q1" and dict(answer.signals) == {"retriever_score": 4.0, "logprob": -1.0}
    assert answer.trace == (("own answer", "by q1/own"), ("gate", "asks confidence 1/2, score 1/1, who"))


def test_a_sure_one_is_kept_and_nothing_more_is_paid():
    answer, turns = held(Gated(gate=GATE), logprob=-0.1)
    assert [[r.id for r in turn] for turn in turns] == [["q1/own"]] and answer.text == "by q1/own"
    assert dict(answer.trace)["gate"] == "skips confidence 2/2, score 1/1, who"


@pytest.mark.parametrize("logprob", [None, -0.1])
def test_what_the_gate_does_not_know_is_asked(logprob):
    strange = replace(ROW, question=replace(ROW.question, text="Name the discoverer of germanium."))
    for row in (strange, replace(ROW, passages=())):
        assert len(held(Gated(gate=GATE), row, logprob=logprob)[1]) == 2
    assert len(held(Gated(gate=GATE), logprob=None)[1]) == 2, "an engine that tells no log-probability"
    assert len(held(Gated(), logprob=logprob)[1]) == 2, "there is no gate"


def test_without_passages_nothing_is_asked_besides():
    answer, turns = held(Gated(), mode="closed_book")
    assert len(turns) == 1 and "1886" not in repr(turns) and answer.trace == ()
    assert Gated().prompt(ROW, "closed_book") == turns[0][0].messages and Gated().prompt(ROW, "rag") is None


def test_both_calls_are_those_of_the_usual_way_and_paid_once(tmp_path):
    """What dev and base columns have paid for is not paid for again."""
    engine = RecordedGenerator(ScriptedGenerator(), Ledger(tmp_path / "ledger.sqlite"))
    usual = [PromptAnswerer().answer(ROW, mode) for mode in ("closed_book", "rag")]
    list(converse(usual, engine))
    list(converse([Gated().answer(ROW, "rag")], engine))
    assert (engine.usage.calls, engine.reused.calls) == (2, 2)
    assert engine.reused.by_stage["own answer"].calls == 1


def test_the_expensive_way_may_be_another_method():
    gated = Gated(Gating("active_rag"), 24, seed=3)
    assert gated.most_calls == 10 and gated.full.max_answer_tokens == 24 and gated.full.seed == 3
    answer, turns = held(gated)
    assert [len(turn) for turn in turns] == [1, 5, 4] and answer.confidence is None
    assert [name for name, _ in answer.trace][:3] == ["own answer", "gate", "thought"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("active_rga", "unknown method 'active_rga': did you mean 'active_rag'"),
        ("ra_it", "gate_asks is 'ra_it', which needs training or a gate: set it to prompt or active_rag"),
        ("lagr_seq", "gate_asks is 'lagr_seq', which needs training or a gate"),
    ],
)
def test_what_is_no_way_of_answering_is_refused_by_its_name(name, complaint):
    with pytest.raises(UserError, match=complaint):
        Gated(Gating(name))


def test_keys_out_of_range_are_refused_by_their_name():
    for keys, complaint in (({"gate_bins": 0}, "gate_bins is 0"), ({"gate_passes": 0}, "gate_passes is 0")):
        with pytest.raises(UserError, match=complaint):
            Gating(**keys)
    with pytest.raises(UserError, match="gate_reward is 'rihgt': did you mean 'right'"):
        Gating(gate_reward="rihgt")


def test_its_identity_is_that_of_both_ways_and_the_gate():
    made = (Gated(), Gated(Gating("active_rag")), Gated(max_answer_tokens=3), Gated(gate=GATE))
    assert len({one.identity for one in made}) == 4
    assert Gated(gate=GATE).identity == Gated(gate=Gate.read(GATE.record())).identity
