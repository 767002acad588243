"""Attempt, critique, attempt: the session, and the answerer that holds it."""

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Critique, Evidence, Passage, Question, Reply
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PROMPTED, PromptAnswerer
from hf_selfdemo.methods.corgi import METHOD, Corgi, Improvement, Session, Sessions
from hf_selfdemo.methods.critics.joined import Critics, Named, named_critics

ROW = Evidence(
    Question("q1", "Who discovered germanium?", ("Clemens Winkler",)),
    (Passage("p1", "Clemens Winkler discovered it in 1886.", "Germanium"), Passage("p2", "Courtois found iodine.")),
    answer_in_context=True,
)
SHORT = Improvement(attempts=3, critics=["at_most_words"], most_words=2)


def held(*texts, keys=SHORT, mode="rag", row=ROW):
    """The answer, and the requests that were made."""
    said, asked = iter(texts), []

    def reply(request):
        asked.append(request)
        return next(said)

    [answer] = converse([Corgi(keys, 24).answer(row, mode)], ScriptedGenerator(reply))
    return answer, asked


def test_a_reply_that_satisfies_is_the_answer_at_once():
    answer, asked = held("Clemens Winkler")
    assert [request.messages for request in asked] == [PROMPTED.prompt(ROW, "rag")]
    assert (answer.text, answer.confidence, dict(answer.signals)["critics"]) == ("Clemens Winkler", 1.0, 1.0)
    assert answer.trace == (("attempt 1", "Clemens Winkler"), ("critique 1", "satisfied"))


def test_the_critique_is_the_next_turn_and_the_prompt_goes_on_from_the_reply():
    answer, (first, second) = held("I think it was Winkler", "It was")
    assert second.messages[:-2] == first.messages and first.keep
    assert second.messages[-2] == {"role": "assistant", "content": "I think it was Winkler"}
    asked = "Your reply has 5 words. Use at most 2. Answer the question again."
    assert second.messages[-1] == {"role": "user", "content": asked}
    assert first.share == second.share != "" and first.id != second.id
    assert answer.text == "It was" and [name for name, _ in answer.trace][2:] == ["attempt 2", "critique 2"]


def test_the_best_attempt_is_given_and_of_equals_the_earliest():
    answer, asked = held("one two three four five", "one two three", "three two one")
    assert (answer.text, answer.confidence, len(asked)) == ("one two three", 2 / 3, 3)
    assert [request.keep for request in asked] == [True, True, False]


def test_critics_that_need_gold_are_never_asked_when_answering():
    keys = Improvement(attempts=3, critics=["declines_right", "at_most_words"], most_words=3)
    answer, asked = held("I don't know.", keys=keys)
    assert len(asked) == 1 and answer.confidence == 1.0, "declines_right would have told what is right"
    alone = Corgi(Improvement(critics=["declines_right"]))
    assert alone.most_calls == 1 and alone.prompt(ROW, "rag") == PROMPTED.prompt(ROW, "rag")
    answer, asked = held("I don't know.", keys=Improvement(critics=["declines_right"]))
    assert len(asked) == 1 and answer.confidence is None
    assert [one.name for one in METHOD.sessions(keys).critics.named] == ["declines_right", "at_most_words"]


def test_without_passages_one_call_answers():
    answer, asked = held("one two three", mode="closed_book")
    plain = PromptAnswerer(24).answer(ROW, "closed_book")
    assert asked == next(plain) and answer.confidence is None


def test_an_attempt_that_was_cut_off_says_so_if_it_is_the_best():
    dialogue = Corgi(SHORT).answer(ROW, "rag")
    next(dialogue)
    dialogue.send([Reply("one two three", "length")])
    with pytest.raises(StopIteration) as end:
        dialogue.send([Reply("Winkler", "length")])
    assert end.value.value.finish_reason == "length"


def test_keys_decide_the_identity_and_those_of_training_do_not():
    def identity(**keys):
        return Corgi(Improvement(**keys)).identity

    made = [{}, {"attempts": 2}, {"critics": ["cites"]}, {"critic_weights": [1.0, 1.0, 2.0]}, {"most_words": 3}]
    assert len({identity(**keys) for keys in made}) == len(made)
    assert identity() == identity(max_feedback_tokens=9) != Corgi(max_answer_tokens=3).identity
    gold = Improvement(critics=["cites", "grounded", "at_most_words", "declines_right"])
    assert Corgi(gold).identity == identity(), "a critic that is not asked decides nothing"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"attempts": 0}, "attempts is 0: give 1 or more"),
        ({"max_feedback_tokens": 0}, "max_feedback_tokens is 0"),
        ({"critics": "cites"}, r"critics is 'cites': give a list, \[cites\]"),
        ({"critic_weights": [0.0]}, "critic_weights is 0: give more than 0"),
    ],
)
def test_numbers_out_of_range_are_refused(keys, said):
    with pytest.raises(UserError, match=said):
        Improvement(**keys)
    with pytest.raises(UserError, match="attempts is 0"):
        Sessions(named_critics(["cites"]), attempts=0)


def test_a_critic_that_raises_stops_with_its_name_and_row_and_what_was_paid_is_in_the_ledger(tmp_path):
    from hf_selfdemo.core.ledger import Ledger
    from hf_selfdemo.generation.recorded import RecordedGenerator

    class Picky:
        needs_gold, broken = False, True

        def critique(self, evidence, text):
            if self.broken and text == "QUESTION":
                raise ValueError("no such word")
            return Critique(0.5, "Again.")

    critic, calls = Picky(), []
    keys = Improvement(attempts=2)
    vars(keys)["all_critics"] = Critics((Named("picky", critic),))
    generator = ScriptedGenerator(lambda request: calls.append(request.id) or "QUESTION")

    def asked():
        recorded = RecordedGenerator(generator, Ledger(tmp_path / "ledger.sqlite"))
        return predict([ROW], recorded, AnswerMatchJudge(), "rag", Corgi(keys))

    with pytest.raises(UserError, match=r"critic 'picky' failed on row 'q1' .ValueError: no such word.: fix it"):
        asked()
    assert calls == ["q1/attempt/1"]
    critic.broken = False
    assert asked()[0].text == "QUESTION" and calls == ["q1/attempt/1", "q1/attempt/2"], "no call is paid twice"


def test_later_attempts_are_not_run_through_the_model_from_their_beginning(model, tokenizer):
    """What is written is the same with kept states and without."""
    written = {}
    for share in (True, False):
        engine = TransformersGenerator(model, tokenizer, share_prefixes=share)
        keys = Improvement(attempts=3, critics=["cites"])
        cached = []

        class Counting(ScriptedGenerator):
            def stream(self, requests, engine=engine, cached=cached):
                for i, reply in engine.stream(requests):
                    cached.append(reply.cached_tokens if not requests[i].id.endswith("/1") else 0)
                    yield i, reply

        [answer] = converse([Corgi(keys, 6).answer(ROW, "rag")], Counting())
        written[share] = answer.text, answer.trace, sum(cached)
    assert written[True][:2] == written[False][:2]
    assert written[True][2] > 0 == written[False][2]


def test_a_session_tells_when_it_was_satisfied():
    session = Session(ROW, named_critics(["at_most_words"], most_words=2), 3)
    assert session.take("one two three") and session.satisfied_at == 0
    assert session.take("one two") == "" and session.satisfied_at == 2
