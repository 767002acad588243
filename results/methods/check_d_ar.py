"""D-AR: how well a model knows a fact, by the place of its sentence in the training text.

python results/methods/check_d_ar.py

Training uses the texts about all people and the questions about half of them. The questions about the other half are
asked closed-book. The check measures nats per token of the answer, its rank among the 20 answers of its kind, and
correct replies. The control is plain training on the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from made_up_people import KINDS, PLACES, Person, people
from method_check import BASE, Arm, Check, Table, arguments, as_program, change, mean, rate, replies, statistic

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.generation.likelihood import response_nll
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.recipe.engine import Engine

CONTROL, METHOD = "plain", "d_ar"


@dataclass(frozen=True)
class Known:
    """How well a model knows a fact: nats per token of the answer, its rank, and whether the reply is correct."""

    nats: float
    rank: int
    right: bool


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(__doc__, argv, people=(80, "number of people; every second one has training questions"))
    if not 4 <= given.people <= 480:
        raise UserError(f"people is {given.people}", "give 4 to 480")
    check, persons = Check("d_ar", given), people(given.people, given.seed)
    trained, tested = persons[::2], persons[1::2]
    passages = [{"id": person.name, "title": person.name, "text": person.text} for person in persons]
    corpus = check.write_rows("people.jsonl", passages)
    files = [
        check.write_rows(name, _questions(some))
        for name, some in (("asked.jsonl", trained), ("held_out.jsonl", tested))
    ]
    shared = (
        *("--train_questions", files[0], "--test_questions", files[1], "--max_train_questions", "-1"),
        *("--train_corpus", corpus, "--test_corpus", corpus, "--max_document_rows", "-1"),
        *("--lora_target_modules", "down_proj", "gate_proj", "up_proj", "--lora_r", "32", "--lora_alpha", "64"),
        *("--learning_rate", "0.001", "--train_tokens", "120000", "--per_device_train_batch_size", "8"),
    )
    arms = [Arm(CONTROL, "methods/d_ar", (*shared, "--noise_ratio", "0"))]
    arms.append(Arm(METHOD, "methods/d_ar", (*shared, "--noise_ratio", "0.2")))
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    known = {BASE: facts_known(check.engine(arms[0], trained=False), tested)}
    known |= {arm.name: facts_known(check.engine(arm), tested) for arm in arms}
    check.record(arms, figures(known), people=given.people)


def _questions(persons: Sequence[Person]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{person.name}/{fact.kind}",
            "question": person.question(fact),
            "answers": [fact.value],
            "answerable": True,
        }
        for person in persons
        for fact in person.facts
    ]


def facts_known(engine: Engine, persons: Sequence[Person]) -> list[list[Known]]:
    """How well a model knows the facts closed-book: one list per person, in order of place."""
    facts = [(person, fact) for person in persons for fact in person.facts]
    asked = [render("closed_book", person.question(fact)) for person, fact in facts]
    options = [
        (prompt, value) for prompt, (_, fact) in zip(asked, facts, strict=True) for value in KINDS[fact.kind].values
    ]
    prompts, values = zip(*options, strict=True)
    losses = response_nll(engine.network, engine.tokenizer, prompts, values, batch_size=120)
    nats = iter([loss / tokens for loss, tokens in losses])
    rows = [
        Evidence(Question(f"{person.name}/{fact.kind}", person.question(fact), (fact.value,))) for person, fact in facts
    ]
    found = []
    for (_, fact), said in zip(facts, replies(engine, rows, "closed_book", length=8), strict=True):
        by_value = {value: next(nats) for value in KINDS[fact.kind].values}
        rank = 1 + sum(other < by_value[fact.value] for other in by_value.values())
        found.append(Known(by_value[fact.value], rank, said.label == "correct"))
    return [found[start : start + len(PLACES)] for start in range(0, len(found), len(PLACES))]


def figures(known: Mapping[str, Sequence[Sequence[Known]]]) -> dict[str, Table]:
    """Figures by model and place.

    Args:
        known: the results of `facts_known`, by model; `CONTROL` and `METHOD` are compared.
    """
    return {
        "Nats per token of the answer": {
            name: _by_place(facts, "nats") | {"slope": statistic(slope, _columns(facts))}
            for name, facts in known.items()
        },
        "Rank of the answer among 20": {name: _by_place(facts, "rank") for name, facts in known.items()},
        "Right replies": {
            name: {f"place {place}": rate(facts[place - 1].right for facts in people) for place in PLACES}
            | {"all": rate(fact.right for facts in people for fact in facts)}
            for name, people in known.items()
        },
        "Change from plain training to D-AR": _changes(known[CONTROL], known[METHOD]),
    }


def _values(people: Sequence[Sequence[Known]], what: str) -> dict[str, list[float]]:
    """The values of all people, by place; "all" is each person's mean over the places."""
    columns = {f"place {place}": [float(getattr(facts[place - 1], what)) for facts in people] for place in PLACES}
    return columns | {"all": [fmean(getattr(fact, what) for fact in facts) for facts in people]}


def _by_place(people: Sequence[Sequence[Known]], what: str) -> dict[str, Any]:
    return {name: mean(values) for name, values in _values(people, what).items()}


def _columns(people: Sequence[Sequence[Known]]) -> list[list[float]]:
    return [[fact.nats for fact in facts] for facts in people]


def slope(people: Sequence[Sequence[float]]) -> float:
    """Increase in nats per token of the answer from one place to the next, by least squares.

    Example:
        >>> slope([[1.0, 1.5, 2.0, 2.5, 3.0]])
        0.5
    """
    middle = sum(PLACES) / len(PLACES)
    weights = [place - middle for place in PLACES]
    total = sum(weight * nats for facts in people for weight, nats in zip(weights, facts, strict=True))
    return total / (len(people) * sum(weight**2 for weight in weights))


def _changes(before: Sequence[Sequence[Known]], after: Sequence[Sequence[Known]]) -> Table:
    rows: Table = {}
    for label, what in (("nats per token", "nats"), ("rank", "rank")):
        old, new = _values(before, what), _values(after, what)
        rows[label] = {name: change(old[name], new[name]) for name in old}
    difference = statistic(lambda a, b: slope(b) - slope(a), _columns(before), _columns(after))
    rows["nats per token"]["slope"] = difference | {"signed": True}
    return rows


if __name__ == "__main__":
    as_program(main)
