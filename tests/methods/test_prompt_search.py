"""A search finds the better wording, mixes no examples up, makes the calls it says, and goes on after a kill."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.prompt_search import (
    DIGITS,
    SearchSettings,
    draw_examples,
    most_calls,
    read_score,
    search_prompts,
    strip_preamble,
)
from hf_selfdemo.methods.searched_prompts import ScoredPrompt
from hf_selfdemo.prompting.prompts import render

MODES = ["rag", "closed_book"]
SMALL = SearchSettings(train_examples=6, eval_examples=5, shuffle_window=40, steps=3, topk=2, beam_size=5)


def land(n, **changes):
    question = Question(f"q{n}", f"What is the capital of land {n}?", (f"City{n}", f"Town{n}"))
    shown = (Passage(f"p{n}", f"The capital of land {n} is City{n}."), Passage(f"x{n}", f"Land {n} has hills."))
    return replace(Evidence(question, shown, answer_in_context=True), **changes)


LANDS = [land(n) for n in range(40)]


class Model:
    """A scripted model: wordings it was not told of are worth nothing. Keeps every request."""

    worth = ("Answer.", "Answer briefly.", "Name the city.")  # right on no, on every other, on all questions

    def __init__(self, **stages):
        self.requests = []
        self.stages = stages

    def __call__(self, request):
        self.requests.append(request)
        stage = request.stage.removeprefix("search/")
        return self.stages.get(stage, getattr(self, stage))(request)

    def answer(self, request):
        said = " ".join(m["content"] for m in request.messages)
        n = int(re.search(r"capital of land (\d+)\?", said)[1])
        right = self.worth[2] in said or (self.worth[1] in said and n % 2)
        return f"It is City{n}." if right else f"Land {n} is pretty."

    def score(self, request):
        said = request.messages[-1]["content"]
        given, right = re.search(r"Answer given: (.*)\nRight answer: (\w+)", said).groups()
        return "9" if right in given else "2"

    def critique(self, request):
        return "Ask for less."

    def rewrite(self, request):
        """Only from the middle wording does the way lead to the best one; the rest is chaff."""
        before = re.search("Instruction so far: (.*)", request.messages[-1]["content"])[1]
        if request.id.endswith("rewrite0") and before in self.worth[:2]:
            return f"Here is a better instruction:\n\n{self.worth[self.worth.index(before) + 1]}"
        return f"Look at the map number {request.seed}."

    def of(self, stage):
        return [request for request in self.requests if request.stage == f"search/{stage}"]


def search(model, mode="rag", settings=SMALL, start=("Answer.",), evidence=LANDS, **options):
    return search_prompts(evidence, ScriptedGenerator(model), mode, start, settings, **options)


def numbers(text):
    """The lands that a text is about."""
    return set(re.findall(r"(?:[Ll]and |City)(\d+)", text))


@pytest.mark.parametrize("as_system", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_the_better_wording_is_found_and_ranked_first_on_held_out_examples(mode, as_system):
    found = search(Model(), mode, replace(SMALL, instructions_as_system=as_system))
    assert found[0] == ScoredPrompt("Name the city.", 9.0, scored=5, unscored=0, round=2, train_score=9.0)
    assert [p.prompt for p in found].index("Answer briefly.") == 1
    assert found[1].score > found[2].score == 2.0
    assert next(p for p in found if p.prompt == "Answer.").round == 0


def test_what_the_last_round_wrote_is_ranked_too():
    found = search(Model(), settings=replace(SMALL, steps=2))
    assert found[0] == ScoredPrompt("Name the city.", 9.0, scored=5, unscored=0, round=2, train_score=None)


def test_a_prompt_good_on_training_examples_alone_does_not_win():
    train, _ = draw_examples(LANDS, SMALL)
    known = {n for row in train for n in numbers(row.question.text)}

    def answer(request):
        [n] = numbers(request.messages[-1]["content"].split("Question:")[1])
        said = request.messages[-1]["content"]
        return f"City{n}" if ("Guess." in said and n in known) or ("Read." in said and n not in known) else "?"

    found = search(Model(answer=answer), settings=SMALL, start=["Guess.", "Read."])
    assert (found[0].prompt, found[0].score, found[0].train_score) == ("Read.", 9.0, 2.0)
    assert {(p.score, p.train_score) for p in found if p.prompt == "Guess."} == {(2.0, 9.0)}


def test_every_turn_shows_one_example_with_its_own_passages_prediction_and_answer():
    model = Model()
    search(model)
    asked = model.of("critique") + model.of("score")
    turns = [message["content"] for request in asked for message in request.messages if message["role"] == "user"]
    assert all(len(numbers(turn)) == 1 and "Land" in turn.split("Question:")[0] for turn in turns)
    assert all(re.search(r"Answer given: (It is City|Land )\d+", turn) for turn in turns)
    chats = model.of("rewrite")
    assert chats and all(len(numbers(str(r.messages))) == SMALL.samples for r in chats)
    assert len({frozenset(numbers(str(r.messages))) for r in chats}) > 1


def test_closed_book_shows_no_passage_anywhere():
    model = Model()
    search(model, "closed_book")
    assert {r.stage for r in model.requests} == {f"search/{s}" for s in ("answer", "score", "critique", "rewrite")}
    assert not any(
        "The capital of land" in m["content"] or "hills" in m["content"] for r in model.requests for m in r.messages
    )


def test_a_gold_answer_stands_in_score_and_critique_prompts_only():
    model = Model(critique=lambda request: "Be nicer.", answer=lambda request: "Who knows.")
    search(model, "closed_book")
    for request in model.requests:
        assert ("Town" in request.messages[-1]["content"]) == (request.stage in ("search/score", "search/critique"))


def test_the_examples_of_a_critique_are_the_prompt_s_best():
    train, _ = draw_examples(LANDS, SMALL)
    good = sorted(numbers(train[4].question.text) | numbers(train[1].question.text))
    model = Model(score=lambda r: "8" if numbers(r.messages[-1]["content"]) <= set(good) else "3")
    search(model, settings=replace(SMALL, steps=1))
    assert sorted(numbers(str(model.of("critique")[-1].messages))) == good


def test_a_chat_is_critique_by_critique_and_then_the_rewrite():
    model = Model()
    search(model, settings=replace(SMALL, steps=1))
    first, second = model.of("critique")
    assert [m["role"] for m in second.messages] == ["user", "assistant", "user"]
    assert second.messages[:2] == (*first.messages, {"role": "assistant", "content": "Ask for less."})
    for request in model.of("rewrite"):
        assert request.messages[:3] == second.messages and len(request.messages) == 5
        assert "Instruction so far: Answer." in request.messages[-1]["content"]
    assert first.keep and second.keep and first.share == second.share == model.of("rewrite")[0].share


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("settings", "start", "calls"),
    [
        # one prompt makes two, three make 2 * 2, seven make 2 * 2: 11 in all, of which 7 met the training examples
        (SMALL, ["Answer."], 2 * (7 * 6 + 11 * 5) + (1 + 2 + 2) * (2 + 2)),
        (replace(SMALL, steps=1), ["Answer.", "Reply.", "Say."], 2 * (3 * 6 + 7 * 5) + 2 * (2 + 2)),
        (replace(SMALL, steps=0), ["Answer.", "Reply."], 2 * 2 * 5),
        (replace(SMALL, steps=1, topk=1, beam_size=4), ["Answer."], 2 * (6 + 5 * 5) + 4 + 4),
    ],
)
def test_the_calls_are_those_of_the_formula(mode, settings, start, calls):
    model, figures, progress = Model(rewrite=lambda r: f"Answer by rule {r.seed}."), Counter(), []
    found = search(model, mode, settings, start, on_progress=progress.append, figures=figures)
    assert len(model.requests) == sum(progress) == most_calls(settings, len(start)) == calls
    assert len({request.id for request in model.requests}) == calls
    assert figures["prompts"] == len(found) == len(start) + figures["rewrites"]


def test_the_paper_s_settings_make_39_prompts_and_4156_calls():
    assert most_calls(SearchSettings()) == 2 * (29 * 30 + 39 * 30) + 19 * 4 == 4156


def test_requests_are_sampled_cut_and_shared_as_set():
    settings = replace(SMALL, max_answer_tokens=77, max_critique_tokens=66, max_prompt_tokens=55)
    model = Model()
    search(model, settings=settings)
    for stage, expected in (("answer", (0.5, 77, ())), ("critique", (0.0, 66, ())), ("rewrite", (1.0, 55, ()))):
        assert {(r.temperature, r.max_new_tokens, r.choices) for r in model.of(stage)} == {expected}
    assert {(r.temperature, r.choices) for r in model.of("score")} == {(0.0, DIGITS)}
    for stage in ("answer", "rewrite"):
        assert len({r.seed for r in model.of(stage)}) == len(model.of(stage)) > 1
    assert all(re.fullmatch(r"q\d+/passages", r.share) for r in model.requests)
    closed = Model()
    search(closed, "closed_book")
    assert all(re.fullmatch(r"q\d+/closed_book", r.share) for r in closed.requests)


def test_scores_critiques_and_answers_begin_alike_so_that_an_engine_can_share():
    model = Model()
    search(model)
    beginning = {}
    for row in LANDS:
        text = render("candidates/rag_1", row.question.text, row.passages)[0]["content"]
        beginning[f"{row.id}/passages"] = text[: text.index("?") + 1]
    assert all(r.messages[0]["content"].startswith(beginning[r.share]) for r in model.requests)


def test_behind_system_turns_answers_share_nothing():
    model = Model()
    search(model, settings=replace(SMALL, instructions_as_system=True))
    assert {r.share for r in model.of("answer")} == {""}
    assert {r.messages[0]["role"] for r in model.of("answer")} == {"system"}
    assert {r.messages[0]["role"] for r in model.of("score") + model.of("critique")} == {"user"}


def test_train_and_eval_examples_are_disjoint_whatever_their_ids():
    rows = [land(n % 12) for n in range(40)]
    rows = [replace(row, question=replace(row.question, id=f"id{i}")) for i, row in enumerate(rows)]
    train, held_out = draw_examples(rows, SMALL)
    texts = [row.question.text for row in (*train, *held_out)]
    assert (len(train), len(held_out)) == (6, 5) and len(set(texts)) == 11


def test_examples_are_drawn_by_seed_from_the_window():
    assert draw_examples(LANDS, SMALL) == draw_examples(LANDS, SMALL) != draw_examples(LANDS, replace(SMALL, seed=1))
    near = replace(SMALL, shuffle_window=11)
    train, held_out = draw_examples(LANDS, near)
    assert {row.id for row in (*train, *held_out)} == {row.id for row in LANDS[:11]}
    assert [row.id for row in (*train, *held_out)] != [row.id for row in LANDS[:11]], "drawn, not taken in order"


@pytest.mark.parametrize(
    "useless",
    [
        land(99, gold_removed=True),
        land(99, question=Question("q99", "What is it?")),
        land(99, question=replace(land(99).question, answerable=False)),
    ],
)
def test_twins_and_questions_without_answers_are_no_examples(useless):
    few = LANDS[:11]
    assert useless not in sum(draw_examples([useless] * 3 + few, SMALL), ())
    with pytest.raises(UserError, match=r"needs 11 .* there are only 10 .*shuffle_window 40.*: give it more"):
        draw_examples([useless, *few[:10]], SMALL)


@pytest.mark.parametrize("settings", [SMALL, replace(SMALL, shuffle_window=10)])
def test_too_few_questions_are_refused_before_any_call(settings):
    model = Model()
    with pytest.raises(UserError, match=r"needs 11 .* there are only 10"):
        search(model, settings=settings, evidence=LANDS if settings.shuffle_window == 10 else LANDS[:10])
    assert model.requests == []


@pytest.mark.parametrize("start", [[], ["Answer.", " \n"]])
def test_nothing_to_start_from_is_refused(start):
    with pytest.raises(UserError, match="no start instruction, or an empty one: give one"):
        search(Model(), start=start)


@pytest.mark.parametrize("key", ["train_examples", "eval_examples", "topk", "beam_size", "max_prompt_tokens", "window"])
def test_settings_that_make_no_search_are_named(key):
    with pytest.raises(UserError, match=f"^{key} is 0: give 1 or more"):
        replace(SMALL, **{key: 0})


def test_a_beam_narrower_than_topk_is_named():
    with pytest.raises(UserError, match="beam_size is 4, below topk: set it to 5 or more"):
        SearchSettings(beam_size=4)


@pytest.mark.parametrize("unread", [0, 3, 10])
def test_unreadable_scores_are_left_out_of_the_mean_and_counted(unread):
    settings = replace(SMALL, train_examples=10, eval_examples=10, steps=0)
    _, held_out = draw_examples(LANDS, settings)
    unreadable = {n for row in held_out[:unread] for n in numbers(row.question.text)}

    def score(request):
        return "Lovely." if numbers(request.messages[-1]["content"]) <= unreadable else "6"

    figures = Counter()
    [found] = search(Model(score=score), settings=settings, figures=figures)
    assert (found.score, found.scored, found.unscored) == (6.0 if unread < 10 else None, 10 - unread, unread)
    assert (figures["trials"], figures["unscored"]) == (10, unread)


def test_a_prompt_that_cannot_be_scored_ranks_last_and_is_not_rewritten():
    model = Model(score=lambda r: "?")
    figures = Counter()
    found = search(model, start=["Answer.", "Reply."], figures=figures)
    assert [(p.prompt, p.score, p.train_score) for p in found] == [("Answer.", None, None), ("Reply.", None, None)]
    assert figures["rewrites"] == len(model.of("critique")) == 0
    assert figures["unscored"] == figures["trials"] == 2 * (6 + 5)


def test_a_scored_prompt_ranks_before_an_unscored_one():
    given = iter(["?", "1"] * 5)  # by turns, as the examples are asked prompt by prompt
    found = search(Model(score=lambda r: next(given)), settings=replace(SMALL, steps=0), start=["Answer.", "Reply."])
    assert [(p.prompt, p.score) for p in found] == [("Reply.", 1.0), ("Answer.", None)]


def shown_cities(request):
    return re.findall(r"Right answer: (City\d+)", str(request.messages))


@pytest.mark.parametrize(
    ("rewrite", "dropped"),
    [
        (lambda r: f"Answer like {shown_cities(r)[0]} does.", True),
        (lambda r: f"Say '{shown_cities(r)[1].upper()}!'", True),
        (lambda r: f"Answer like {shown_cities(r)[1].replace('City', 'Town')}, {r.seed}.", True),
        (lambda r: f"Answer like {shown_cities(r)[0]}{r.seed} does.", False),  # another word
        (lambda r: f"Answer as short as City{r.seed}.", False),
    ],
)
def test_a_rewrite_that_quotes_an_answer_it_was_shown_is_dropped(rewrite, dropped):
    figures = Counter()
    found = search(Model(rewrite=rewrite), figures=figures)
    assert figures["rewrites"] > 0
    assert (figures["dropped: quotes an answer"] == figures["rewrites"]) == dropped == (len(found) == 1)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (" \n ", "empty"),
        ("Here is the new instruction:", "empty"),
        ("Answer.", "repeats a prompt"),
        ('"Answer."\n', "repeats a prompt"),
        ("Do as you like, but do it in five words or so.", "cut off"),
    ],
)
def test_other_useless_rewrites_are_dropped_by_reason(reply, reason):
    figures = Counter()
    found = search(Model(rewrite=lambda r: reply), settings=replace(SMALL, max_prompt_tokens=8), figures=figures)
    assert [p.prompt for p in found] == ["Answer."]
    assert figures[f"dropped: {reason}"] == figures["rewrites"] == SMALL.steps * SMALL.samples


def test_the_same_rewrite_twice_is_taken_up_once():
    figures = Counter()
    found = search(Model(rewrite=lambda r: "Reply."), settings=replace(SMALL, steps=1), figures=figures)
    assert {p.prompt for p in found} == {"Answer.", "Reply."} and figures["dropped: repeats a prompt"] == 1


class Failing(ScriptedGenerator):
    """Gives up on the calls of which `fails` is true."""

    def __init__(self, reply, fails):
        super().__init__(reply)
        self.fails = fails

    def stream(self, requests):
        for i, reply in super().stream(requests):
            yield i, Reply("", "error", error="gone") if self.fails(requests[i]) else reply


@pytest.mark.parametrize("stage", ["search/answer", "search/score"])
def test_a_failed_call_leaves_one_example_unscored(stage):
    _, held_out = draw_examples(LANDS, SMALL)
    generator = Failing(Model(), lambda r: r.stage == stage and r.id.startswith(f"{held_out[2].id}/"))
    [found] = search_prompts(LANDS, generator, "rag", ["Name the city."], replace(SMALL, steps=0))
    assert (found.score, found.scored, found.unscored) == (9.0, 4, 1)


@pytest.mark.parametrize("stage", ["search/critique", "search/rewrite"])
def test_a_failed_call_in_a_chat_drops_its_rewrites(stage):
    figures = Counter()
    generator = Failing(Model(), lambda r: r.stage == stage)
    found = search_prompts(LANDS, generator, "rag", ["Answer."], SMALL, figures=figures)
    assert [p.prompt for p in found] == ["Answer."]
    assert figures["dropped: call failed"] == figures["rewrites"] == SMALL.steps * SMALL.samples


class Threaded(ScriptedGenerator):
    concurrency = 4


@pytest.mark.parametrize("window", [1, 3, 100])
def test_neither_window_nor_threads_change_what_comes_out(window):
    expected = search(Model())
    for engine in (ScriptedGenerator, Threaded):
        assert search_prompts(LANDS, engine(Model()), "rag", ["Answer."], replace(SMALL, window=window)) == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_search_killed_anywhere_goes_on_where_it_was(tmp_path, mode):
    """Killed at every 29th call, round by round, it makes no call twice and ends as if undisturbed."""
    model = Model()
    expected = search_prompts(LANDS, recorded(model, tmp_path / "whole"), mode, ["Answer."], SMALL)
    undisturbed = len(model.requests)

    done, starts, found = [], 0, None
    while found is None:
        starts += 1
        try:
            found = search_prompts(LANDS, recorded(Mortal(29, done), tmp_path / "killed"), mode, ["Answer."], SMALL)
        except KeyboardInterrupt:
            assert starts < 20, "it gets nowhere"
    assert found == expected
    assert len(done) == undisturbed and starts == undisturbed // 29 + 1 > 3


def recorded(model, folder):
    return RecordedGenerator(ScriptedGenerator(model), Ledger(folder / "ledger.sqlite"))


class Mortal(Model):
    """Is killed after `lives` calls; `done` has the calls of all starts."""

    def __init__(self, lives, done):
        super().__init__()
        self.lives, self.done = lives, done

    def __call__(self, request):
        if len(self.requests) == self.lives:
            raise KeyboardInterrupt
        self.done.append(request)
        return super().__call__(request)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        *((digit, int(digit)) for digit in DIGITS),
        ("Score: 7", 7),
        ("**Score:** 7/9", 7),
        ("7/9", 7),
        ("8 out of 9.", 8),
        ("**7**", 7),
        ("The score is 4, since 2 of 3 names are right.", 4),
        ("On a scale of 1 to 9, this is a 6.", 6),
        ("Score (1-9): 3", 3),
        ("7\n\n7 it is", 7),
        ("", None),
        ("excellent", None),
        ("0", None),
        ("10", None),
        ("Score: 10", None),
        ("Score: 8/10", None),
        ("8 out of 10", None),
        ("7.5", None),
        ("Score: 7.5", None),
        ("6 or 7", None),
        ("17", None),
        ("1912", None),
    ],
)
def test_scores_are_read_as_models_write_them_or_not_at_all(text, score):
    assert read_score(text) == score


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Answer in a word.", "Answer in a word."),
        ("Here is a rewritten instruction:\nAnswer in a word.", "Answer in a word."),
        ("Sure! Here's the new prompt: Answer in a word.", "Answer in a word."),
        ("**Here is a better one:**\n\n“Answer in a word.”", "Answer in a word."),
        ("New instruction: Answer in a word.", "Answer in a word."),
        ("Answer in a word. Here is why: it is short.", "Answer in a word. Here is why: it is short."),
        ('Say "unknown" or "none"', 'Say "unknown" or "none"'),
        ('If you do not know, say "unknown"', 'If you do not know, say "unknown"'),
        ("Here is: (a) what to do\n(b) how", "(a) what to do\n(b) how"),
    ],
)
def test_preambles_and_quotation_marks_are_stripped_and_nothing_else(text, prompt):
    assert strip_preamble(text) == prompt
