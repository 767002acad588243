"""Knowledge packing: how many unknown facts are learnt and what else changes, with and without known facts mixed in.

python results/methods/check_knowledge_packing.py

Natural Questions and a list of easy questions are probed. The method trains unknown facts and as many highly known
ones. The control trains only the unknown facts, on the same budget of tokens. Then all questions are probed again. Test
questions are asked closed-book and with passages, to see whether the model still abstains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from easy_facts import easy_facts
from method_check import (
    BASE,
    Arm,
    Check,
    Figure,
    Table,
    arguments,
    as_program,
    by_context,
    change,
    drawn_questions,
    labelled,
    open_qa,
    rate,
    replies,
)

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Prediction, Skip
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import judged_row, load_demonstrations
from hf_selfdemo.methods.knowledge_packing import KNOWN, UNKNOWN
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.recipe.evidence import recipe_evidence

CONTROL, METHOD = "unknown_alone", "knowledge_packing"

Groups = Mapping[str, str]
"""The group of each question as found by the probes, by id."""


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(200, "questions of Natural Questions to probe, besides the easy ones"),
        unknown=(40, "unknown facts to train on"),
        tested=(60, "test questions, each of which may have a leave-gold-out twin"),
    )
    check, data = Check("knowledge_packing", given), open_qa(given)
    facts = check.write_rows("facts.jsonl", [*easy_facts(), *drawn_questions(given, "train", given.questions)])
    shared = (
        *(*data, "--train_questions", facts, "--max_train_questions", "-1", "--sources", "easy", "nq"),
        *("--max_test_questions", str(given.tested), "--test_twins", "-1"),
        *("--probes", "3", "--max_unknown", str(given.unknown), "--train_tokens", "40000"),
    )
    recipe = "methods/knowledge_packing"
    arms = [
        Arm(CONTROL, recipe, (*shared, "--extra_per_unknown", "0")),
        Arm(METHOD, recipe, (*shared, "--extra_per_unknown", "1")),
    ]
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    trained = {arm.name: _trained(check, arm) for arm in arms}
    tested = list(recipe_evidence(check.recipe(arms[0]), "test")[0])
    before = probed(check, arms[0], check.engine(arms[0], trained=False))
    after, said = {}, {}
    for name in (BASE, CONTROL, METHOD):
        arm = arms[name == METHOD]
        engine = check.engine(arm, trained=name != BASE)
        if name != BASE:
            after[name] = probed(check, arm, engine)
        said[name] = {mode: replies(engine, tested, mode) for mode in ("closed_book", "rag")}
    sizes = {"probed": dict(Counter(before.values())), "trained": {name: len(rows) for name, rows in trained.items()}}
    check.record(arms, figures(before, after, trained, said), sizes=sizes)


def _trained(check: Check, arm: Arm) -> set[str]:
    return set(load_demonstrations(check.folder / arm.name / "demonstrations")["id"])


def probed(check: Check, arm: Arm, engine: Engine) -> dict[str, str]:
    """The group of every question under a model, found by the same probes as in `demonstrate`."""
    recipe, judge = check.recipe(arm), AnswerMatchJudge()
    strategy = recipe.method.strategy(recipe.demonstrate.demonstrate_seed)
    rows = (judged_row(row, strategy, judge) for row in recipe_evidence(recipe, "train")[0])
    found = {}
    for judged in converse(rows, engine.generator, recipe.engine.window):
        if not isinstance(judged.result, Skip):
            found[judged.evidence.id] = judged.result[0].group
    return found


def figures(
    before: Groups,
    after: Mapping[str, Groups],
    trained: Mapping[str, Collection[str]],
    said: Mapping[str, Mapping[str, Sequence[Prediction]]],
) -> dict[str, Table]:
    """Figures by model.

    Args:
        before: groups under the base model.
        after: groups under the model of each arm.
        trained: ids of the training questions, by arm.
        said: replies to test questions, by model and mode; replies with passages include those to twins.
    """
    anywhere = set().union(*trained.values())
    facts: Table = {}
    moved: dict[str, dict[str, list[bool]]] = {}
    for name, groups in after.items():
        moved[name] = _moved(before, groups, trained[name], anywhere)
        facts[name] = {figure: rate(hits) for figure, hits in moved[name].items()}
    if moved:
        pairs = {figure: (moved[CONTROL][figure], hits) for figure, hits in moved[METHOD].items()}
        facts["change by mixing in"] = {
            figure: change(*pair) for figure, pair in pairs.items() if len(pair[0]) == len(pair[1])
        }
    return {"Facts": facts, "Test questions": {name: _tested(by_mode) for name, by_mode in said.items()}}


def _moved(before: Groups, after: Groups, trained: Collection[str], anywhere: Collection[str]) -> dict[str, list[bool]]:
    """Hits by figure. Reliability is over trained unknown facts, shifts are over facts that no arm trained on."""
    learnt = [name for name in before if name in trained and before[name] == UNKNOWN]
    kept = [name for name in before if name in trained and before[name] == KNOWN]
    unknown = [name for name in before if before[name] == UNKNOWN and name not in anywhere]
    known = [name for name in before if before[name] == KNOWN and name not in anywhere]
    return {
        "reliability": [after[name] == KNOWN for name in learnt],
        "trained, right at least once": [after[name] != UNKNOWN for name in learnt],
        "mixed in, still known": [after[name] == KNOWN for name in kept],
        "positive shift": [after[name] == KNOWN for name in unknown],
        "unknown, now right at least once": [after[name] != UNKNOWN for name in unknown],
        "negative shift": [after[name] == UNKNOWN for name in known],
        "known, no longer always right": [after[name] != KNOWN for name in known],
    }


def _tested(by_mode: Mapping[str, Sequence[Prediction]]) -> dict[str, Figure]:
    return {
        "closed-book: right": labelled(by_mode["closed_book"], "correct"),
        "closed-book: declined": labelled(by_mode["closed_book"], "abstain"),
        **by_context(by_mode["rag"]),
    }


if __name__ == "__main__":
    as_program(main)
