"""Contract tests for strategies, which follow `core.protocols.Strategy`."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from hf_selfdemo.core.protocols import Strategy
from hf_selfdemo.core.types import Candidate, Demonstration, Evidence, Passage, Question, Reply, Request, Skip, Verdict
from hf_selfdemo.data.documents.rows import document_row
from hf_selfdemo.testing.dialogues import held
from hf_selfdemo.testing.rows import ANSWERABLE, SENTINEL, SHOWN

Make = Callable[[], Strategy]

ROWS = [
    ANSWERABLE,
    dataclasses.replace(ANSWERABLE, gold_removed=True),
    dataclasses.replace(ANSWERABLE, answer_in_context=True),
    dataclasses.replace(ANSWERABLE, passages=()),
    Evidence(Question("q2", "Who found iodine?", (SENTINEL,), answerable=False), SHOWN),
    Evidence(Question("q3", "Who found neon?", ()), SHOWN),
    document_row(Passage("p3", " ".join(f"The {i}th ton of ore came up in the year {i}." for i in range(4)), "Ore")),
]
LABELS = ("correct", "incorrect", "abstain", "unscored")


def talk(strategy: Strategy, row: Evidence, finish_reasons: Any = ("stop",)) -> tuple[list[Candidate], list[Request]]:
    """Run the dialogue with a distinct text for each reply. Returns the candidates and all requests."""
    finish = itertools.cycle(finish_reasons)
    return held(strategy.write(row), lambda r: Reply(f"reply {r.id}", next(finish), (-1.0,) if r.scored else ()))


def labelled(candidates: Sequence[Candidate], labels: Sequence[Any]) -> tuple[Sequence[Candidate], list[Verdict]]:
    """The candidates and their verdicts, with the labels in turn."""
    return candidates, [Verdict(label, "so") for _, label in zip(candidates, itertools.cycle(labels), strict=False)]


def outcomes(make: Make) -> Iterator[tuple[Evidence, Sequence[Candidate], list[Verdict], Demonstration | Skip]]:
    """Every row with many combinations of labels and finish reasons, and each demonstration chosen, or the skip."""
    for row, candidates, verdicts, chosen in choices(make):
        for result in [chosen] if isinstance(chosen, Skip) else chosen:
            yield row, candidates, verdicts, result


def choices(
    make: Make,
) -> Iterator[tuple[Evidence, Sequence[Candidate], list[Verdict], Sequence[Demonstration] | Skip]]:
    """As `outcomes`, with all demonstrations of a row together."""
    for row in ROWS:
        for finish in (("stop",), ("length",), ("stop", "length"), ("length", "length", "stop")):
            written, _ = talk(make(), row, finish)
            for labels in itertools.product(LABELS, repeat=3):
                candidates, verdicts = labelled(written, labels)
                yield row, candidates, verdicts, make().select(row, candidates, verdicts)


class StrategyContract:
    """Contract tests for a strategy.

    Subclass it and define a fixture `make` that returns the class of your strategy, or a function that makes one, such
    as `METHOD.strategy`. If its requests may show the gold answer (`Method.sees_gold`), also define a fixture
    `sees_gold` that returns True.
    """

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("define a fixture `make` that returns the class of your strategy, or a function")

    @pytest.fixture
    def sees_gold(self) -> bool:
        return False

    def test_it_is_a_strategy(self, make: Any) -> None:
        assert isinstance(make(), Strategy)

    @pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
    def test_requests_are_the_same_every_time(self, make: Any, row: Any) -> None:
        strategy = make()
        _, first = talk(strategy, row)
        assert all(isinstance(request, Request) for request in first)
        for other in ROWS:
            talk(strategy, other)
        assert talk(strategy, row)[1] == first == talk(make(), row)[1]

    def test_request_ids_are_unique_over_rows_and_twins(self, make: Any) -> None:
        rows = [ROWS[0], ROWS[1], ROWS[4], ROWS[5]]
        ids = [request.id for row in rows for request in talk(make(), row)[1]]
        assert len(set(ids)) == len(ids)

    def test_requests_show_the_question_and_never_the_gold_answer(self, make: Any, sees_gold: bool) -> None:
        """Except for a method that may see it. A text that is scored is not part of the prompt."""
        for row in ROWS:
            for request in talk(make(), row)[1]:
                said = repr(dataclasses.replace(request, scored=""))
                assert row.question.text in said or sees_gold
                assert sees_gold or not any(word in said for word in SENTINEL.split())

    def test_closed_book_requests_show_no_passage(self, make: Any) -> None:
        for request in talk(make(), ANSWERABLE)[1]:
            shown = any(p.text in m["content"] for p in SHOWN for m in request.messages)
            assert shown == (request.stage != "closed_book")

    def test_requests_that_share_a_key_show_the_same_passages(self, make: Any) -> None:
        by_key: dict[str, set[tuple[bool, ...]]] = {}
        for request in (r for row in ROWS for r in talk(make(), row)[1] if r.share and row.passages):
            text = " ".join(m["content"] for m in request.messages)  # a later turn includes the first, which shows them
            by_key.setdefault(request.share, set()).add(tuple(p.text in text for p in SHOWN))
        assert all(len(shown) == 1 for shown in by_key.values())

    def test_what_is_chosen_is_a_demonstration_or_a_skip_with_a_reason(self, make: Any) -> None:
        kinds: set[type] = set()
        for row, candidates, verdicts, result in outcomes(make):
            kinds.add(type(result))
            if isinstance(result, Skip):
                assert result.reason.strip()
                continue
            assert isinstance(result, Demonstration)
            assert result.response.strip() and result.evidence.id == row.id
            if result.ranking:  # a gold passage comes first, then passages that are not gold
                first, *others = result.evidence.passages
                assert set(result.evidence.passages) <= set(row.passages) and row.question.is_gold(first)
                assert others and not any(row.question.is_gold(p) for p in others)
                assert len(result.ranking.windows) == len(result.evidence.passages)
                continue
            if result.kind:  # not a reply to the question: its segments are trained on
                assert result.response == "".join(one.text for one in result.segments if one.loss)
                continue
            asked = result.evidence.question
            rewritten = {c.question for c in candidates if c.question} & {asked.text}
            asked = dataclasses.replace(asked, text=row.question.text) if rewritten else asked
            assert (
                dataclasses.replace(
                    result.evidence, question=asked, passages=row.passages, answer_in_context=row.answer_in_context
                )
                == row
            )
            assert result.mode == "rag" or (not result.evidence.passages and not result.evidence.answer_in_context)
            assert set(result.evidence.passages) <= set(row.passages)
            assert result.response not in {r.text for r in result.rejected}
            assert result.outcome in ("answer", "abstain")
            if result.source == "gold":  # a statement about the answer may follow
                assert result.response.startswith(row.question.answers)
            elif result.mode == "rag":  # a replayed closed-book reply may be incorrect
                [won] = [(c, v) for c, v in zip(candidates, verdicts, strict=True) if c.text == result.response]
                assert won[0].source == result.source
                assert won[1].label == {"answer": "correct", "abstain": "abstain"}[result.outcome]
        assert kinds == {Demonstration, Skip}

    def test_a_choice_is_the_same_every_time(self, make: Any) -> None:
        assert [result for *_, result in outcomes(make)] == [result for *_, result in outcomes(make)]

    def test_a_reply_that_was_cut_off_is_neither_learnt_nor_rejected(self, make: Any) -> None:
        for _, candidates, _, result in outcomes(make):
            cut_off = {c.text for c in candidates if c.finish_reason == "length"}
            if isinstance(result, Demonstration):
                assert result.response not in cut_off
                assert not cut_off & {r.text for r in result.rejected}

    def test_an_abstention_only_where_nothing_is_right(self, make: Any) -> None:
        for _, candidates, verdicts, result in outcomes(make):
            if isinstance(result, Demonstration) and result.outcome == "abstain":
                whole = [(c, v) for c, v in zip(candidates, verdicts, strict=True) if c.finish_reason == "stop"]
                assert not any(v.label == "correct" and c.source != "refusal" for c, v in whole)

    def test_an_answer_where_something_is_right(self, make: Any) -> None:
        """A method that does not use questions is tested with a document."""
        chosen = [make().select(row, *labelled(talk(make(), row)[0], ("correct",))) for row in (ANSWERABLE, ROWS[-1])]
        first = next(one for one in chosen if not isinstance(one, Skip))
        assert first[0].outcome == "answer"

    def test_the_winner_of_a_tournament_is_what_is_chosen(self, make: Any) -> None:
        candidates, verdicts = labelled(talk(make(), ANSWERABLE)[0], ("correct", "incorrect", "abstain"))
        for place, candidate in enumerate(candidates):
            placed = [dataclasses.replace(v, place=1 if i == place else 2) for i, v in enumerate(verdicts)]
            result = make().select(ANSWERABLE, candidates, placed)[0]
            if result.source != "gold":
                assert result.response == candidate.text and result.source == candidate.source

    @pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
    def test_no_candidates_at_all_raise_nothing(self, make: Any, row: Any) -> None:
        chosen = make().select(row, [], [])
        assert isinstance(chosen, Skip) or all(isinstance(made, Demonstration) for made in chosen)

    def test_each_row_of_a_question_has_an_id_of_its_own_and_the_first_that_of_the_question(self, make: Any) -> None:
        for row, _, _, chosen in choices(make):
            if not isinstance(chosen, Skip):
                ids = [made.id for made in chosen]
                assert ids[0] == row.id and len(set(ids)) == len(ids)

    def test_what_is_left_out_of_the_whole_set_is_the_same_every_time_and_named(self, make: Any) -> None:
        made = [result for *_, result in outcomes(make) if isinstance(result, Demonstration)]
        groups = [one.group or one.outcome for one in made]
        for seed in range(3):
            left_out = make().arrange(groups, seed)
            assert left_out == make().arrange(tuple(groups), seed)
            assert len(left_out) < len(groups) and set(left_out) <= set(range(len(groups)))
            assert all(reason.strip() or made[i].suffix for i, reason in left_out.items())
        assert dict(make().arrange([], 0)) == {}
