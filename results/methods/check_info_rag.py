"""INFO-RAG: the likelihood of a continuation in each scenario, and answers with true, false and missing passages.

python results/methods/check_info_rag.py

Both arms train on the same texts with the same budget of tokens. INFO-RAG completes their sentences from passages; the
control is plain language modelling. The likelihoods are those of other texts, with the same sentence and the same cut
in all three scenarios. Each question of Natural Questions has three contexts: passages that contain the answer, the
same passages with another question's answer in its place, and passages without the answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from method_check import (
    BASE,
    PLAIN_PROMPT,
    Arm,
    Check,
    Table,
    arguments,
    as_program,
    change,
    labelled,
    mean,
    open_qa,
    replies,
)

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Demonstration, Evidence, Passage, Prediction, Skip
from hf_selfdemo.data.documents.rows import document_row
from hf_selfdemo.data.questions import read_passages
from hf_selfdemo.data.rows import evidence_row
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.info_rag import SCENARIOS, InfoRag, Scenarios
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.training.collator import SelfDemoDataCollator

CONTROL, METHOD = "plain_lm", "info_rag"
CONTEXTS = ("has answer", "answer replaced", "no answer")
_ALONE = {
    "copy": Scenarios(copy_share=1.0, correct_share=0.0),
    "correct": Scenarios(copy_share=0.0, correct_share=1.0),
    "stimulate": Scenarios(copy_share=0.0, correct_share=0.0),
}
"""Settings that put all rows into one scenario, by scenario."""
_WORDS = 100
"""Maximum length of a passage in words. Longer ones would be cut, which removes their last sentence."""


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        texts=(600, "passages to train on"),
        held_out=(80, "other passages, to measure continuations on"),
        questions=(120, "test questions to search; those with the answer in context are asked"),
    )
    check, data = Check("info_rag", given), open_qa(given)
    drawn = usable_passages(Path(given.data) / "corpus.jsonl.gz", given.texts + given.held_out, given.seed)
    trained, held_out = drawn[: given.texts], drawn[given.texts :]
    corpus = check.write_rows("texts.jsonl", ({"id": p.id, "title": p.title, "text": p.text} for p in trained))
    shared = (
        *data,
        # a recipe needs a question; no row is made from one without an answer
        *("--train_questions", str(Path(given.data) / "train_unanswerable.jsonl.gz"), "--max_train_unanswerable", "1"),
        *("--max_train_questions", "0", "--train_corpus", corpus, "--max_passage_words", str(_WORDS)),
        *("--max_test_questions", str(given.questions), "--test_twins", "-1", "--train_tokens", "80000"),
    )
    arms = [
        Arm(CONTROL, "methods/d_ar", (*shared, "--noise_ratio", "0", "--max_document_rows", "-1")),
        Arm(METHOD, "methods/info_rag", shared),
    ]
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    base = check.engine(arms[1], trained=False)
    continued = continuations(base.generator, held_out, given.seed)
    asked = contexts(list(recipe_evidence(check.recipe(arms[1]), "test")[0]), given.seed)
    nats, said = {}, {}
    for name in (BASE, CONTROL, METHOD):
        arm = arms[name == METHOD]
        engine = base if name == BASE else check.engine(arm)
        nats[name] = continuation_nats(engine, continued)
        said[name] = {context: _asked(engine, rows) for context, rows in asked.items()}
        said[name]["false answer"] = _asked(engine, [replace_answers(row) for row in asked["answer replaced"]])
    check.record(arms, figures(nats, said), sizes={"held_out": len(held_out), "asked": len(asked["has answer"])})


def usable_passages(corpus: Path, count: int, seed: int) -> list[Passage]:
    """Draw passages from a corpus that INFO-RAG can make a row from.

    Raises:
        UserError: if there are too few.
    """
    passages, strategy = read_passages(str(corpus), "train"), InfoRag(_ALONE["copy"])
    found: list[Passage] = []
    for place in random.Random(seed).sample(range(len(passages)), len(passages)):
        passage = passages[place]
        short = len(passage.text.split()) <= _WORDS
        if short and not isinstance(strategy.select(document_row(passage), [], []), Skip):
            found.append(passage)
        if len(found) == count:
            return found
    raise UserError(f"{corpus} contains {len(found)} passages of several sentences", f"ask for fewer than {count}")


def continuations(generator: Generator, passages: Sequence[Passage], seed: int) -> list[dict[str, Demonstration]]:
    """The demonstration of each passage by scenario, with the same sentence and cut; may ask the generator."""
    found: list[dict[str, Demonstration]] = [{} for _ in passages]
    for name in SCENARIOS:
        strategy, judge = InfoRag(_ALONE[name], seed), AnswerMatchJudge()
        dialogues = (judged_row(document_row(passage), strategy, judge) for passage in passages)
        for rows, judged in zip(found, converse(dialogues, generator), strict=True):
            assert not isinstance(judged.result, Skip), judged.result
            rows[name] = judged.result[0]
    return found


def continuation_nats(engine: Engine, rows: Sequence[Mapping[str, Demonstration]]) -> dict[str, list[float]]:
    """Nats per token of each continuation, by scenario, with the encoding of training."""
    collator = SelfDemoDataCollator(engine.tokenizer)
    found = {}
    for name in SCENARIOS:
        encoded = [collator.encode(_trained(row[name])) for row in rows]
        losses = text_nll(engine.network, [(row.prompt, row.response) for row in encoded])
        found[name] = [loss / len(row.response) for loss, row in zip(losses, encoded, strict=True)]
    return found


def _trained(made: Demonstration) -> dict[str, object]:
    about = {"response": made.response, "kind": made.kind, "segments": [asdict(one) for one in made.segments]}
    return evidence_row(made.evidence) | about


def contexts(rows: Sequence[Evidence], seed: int) -> dict[str, list[Evidence]]:
    """Rows by context, with the same questions in the same order. Questions that lack a context are left out.

    Args:
        rows: rows with their leave-gold-out twins.
        seed: seed of the draw of false answers, which are answers of other questions.
    """
    twins = {row.question.id: row for row in rows if row.gold_removed}
    true = [row for row in rows if row.answer_in_context and row.question.id in twins]
    rng = random.Random(seed)
    found: dict[str, list[Evidence]] = {name: [] for name in CONTEXTS}
    for row in true:
        false = rng.choice([other.question.answers[0] for other in true if other is not row] or ["Ada Storm"])
        changed = with_false_answer(row, false)
        if changed is not None:
            for name, one in zip(CONTEXTS, (row, changed, twins[row.question.id]), strict=True):
                found[name].append(one)
    return found


def with_false_answer(row: Evidence, false: str) -> Evidence | None:
    """The row with a false answer in place of every accepted one in its passages; None if one is still there.

    The false answer is stored as the only passage of the row's question, where `replace_answers` reads it.
    """
    aliases = sorted(row.question.answers, key=len, reverse=True)
    stated = re.compile("|".join(rf"(?<!\w){re.escape(alias)}(?!\w)" for alias in aliases), re.IGNORECASE)
    passages = tuple(
        replace(p, text=stated.sub(lambda _: false, p.text), title=stated.sub(lambda _: false, p.title))
        for p in row.passages
    )
    asked = row.question
    if any(holds_answer(p, asked.answers, asked.text) for p in passages):
        return None
    asked = replace(asked, passages=(Passage("false", false),))
    return replace(row, question=asked, passages=passages, answer_in_context=False)


def replace_answers(row: Evidence) -> Evidence:
    """The row with the false answer as its only accepted answer."""
    return replace(row, question=replace(row.question, answers=(row.question.passages[0].text,)))


def _asked(engine: Engine, rows: Sequence[Evidence]) -> list[Prediction]:
    return replies(engine, rows, template=PLAIN_PROMPT)


def figures(
    nats: Mapping[str, Mapping[str, Sequence[float]]], said: Mapping[str, Mapping[str, list[Prediction]]]
) -> dict[str, Table]:
    """Figures by model.

    Args:
        nats: the results of `continuation_nats`, by model and scenario.
        said: replies by model and context; "false answer" has replies with the false answer judged as the correct one.
    """
    right: Table = {
        name: {context: labelled(by_context[context], "correct") for context in CONTEXTS}
        | {"says the false answer": labelled(by_context["false answer"], "correct")}
        for name, by_context in said.items()
    }
    right["INFO-RAG against plain LM"] = {
        context: change(*_hits(said[CONTROL][context], said[METHOD][context])) for context in CONTEXTS
    }
    likelihoods: Table = {
        name: {scenario: mean(values) for scenario, values in by_scenario.items()} for name, by_scenario in nats.items()
    }
    likelihoods["INFO-RAG against plain LM"] = {
        scenario: change(nats[CONTROL][scenario], nats[METHOD][scenario]) for scenario in SCENARIOS
    }
    return {"Nats per token of the continuation": likelihoods, "Right answers": right}


def _hits(before: Sequence[Prediction], after: Sequence[Prediction]) -> tuple[list[float], list[float]]:
    """1 for a correct reply and 0 otherwise, before and after, over the rows that are scored in both."""
    scored = [pair for pair in zip(before, after, strict=True) if "unscored" not in (p.label for p in pair)]
    found = [[float(p.label == "correct") for p in pair] for pair in scored]
    return [b for b, _ in found], [a for _, a in found]


if __name__ == "__main__":
    as_program(main)
