"""CORGI: how often a reply satisfies all critics by each attempt, after training with two attempts and with one.

python results/methods/check_corgi.py

Both arms are trained with the same critics, prompts, sessions and steps; the control has a single attempt. The base
model and both trained models are then asked with up to four attempts and the critics that need no gold answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from method_check import BASE, Arm, Check, Figure, Table, arguments, as_program, change, labelled, mean, open_qa, rate

from hf_selfdemo.core.types import Evidence, Prediction
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.corgi import Corgi, Improvement, Session
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.recipe.evidence import recipe_evidence

CONTROL, METHOD = "one_attempt", "corgi"
ATTEMPTS = 4
"""Maximum number of attempts in the test, as in the paper."""

CRITICS = ("cites", "grounded", "at_most_words")
"""Critics in the test. Training also uses `declines_right`, because an abstention satisfies all of these."""

REPLY = 24
"""Maximum number of tokens of an attempt, in training and in the test."""


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(24, "training questions"),
        tested=(30, "test questions, each asked with up to four attempts"),
        steps=(24, "steps of training, each of four sessions on one question"),
    )
    check = Check("corgi", given)
    shared = (
        *(*open_qa(given), "--max_train_questions", str(given.questions), "--train_twins", "0"),
        *("--max_test_questions", str(given.tested), "--test_twins", "0"),
        *("--critics", *CRITICS, "declines_right", "--most_words", "12", "--max_completion_length", str(REPLY)),
        *("--max_steps", str(given.steps), "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
        *("--learning_rate", "0.0002", "--save_steps", "4"),
    )
    arms = [Arm(CONTROL, "methods/corgi", (*shared, "--attempts", "1"))]
    arms.append(Arm(METHOD, "methods/corgi", (*shared, "--attempts", "2")))
    for arm in arms:
        check.run(arm, "demonstrate", "train")
    rows = list(recipe_evidence(check.recipe(arms[0]), "test")[0])
    answerer = Corgi(Improvement(ATTEMPTS, list(CRITICS)), REPLY)
    said = {BASE: asked(check.engine(arms[0], trained=False), rows, answerer)}
    said |= {arm.name: asked(check.engine(arm), rows, answerer) for arm in arms}
    check.record(arms, figures(rows, said, answerer), questions=len(rows))


def asked(engine: Engine, rows: Sequence[Evidence], answerer: Corgi) -> list[Prediction]:
    """A model's labelled answers, with its attempts in the trace."""
    return predict(rows, engine.generator, AnswerMatchJudge(), "rag", answerer)


def sessions(rows: Sequence[Evidence], predictions: Sequence[Prediction], answerer: Corgi) -> list[Session]:
    """The sessions, rebuilt from the traces of the predictions."""
    found = []
    for row, prediction in zip(rows, predictions, strict=True):
        session = Session(row, answerer.critics, answerer.most_calls)
        for name, text in prediction.trace:
            if name.startswith("attempt"):
                session.take(text)
        found.append(session)
    return found


def figures(rows: Sequence[Evidence], said: Mapping[str, Sequence[Prediction]], answerer: Corgi) -> dict[str, Table]:
    """Figures by model.

    Args:
        rows: the test questions.
        said: predictions by model, including `CONTROL` and `METHOD`.
        answerer: the answerer that made the predictions.
    """
    held = {name: sessions(rows, predictions, answerer) for name, predictions in said.items()}
    by = {
        name: {f"attempt {n}": [0 < one.satisfied_at <= n for one in found] for n in range(1, answerer.most_calls + 1)}
        for name, found in held.items()
    }
    satisfied: Table = {
        name: {attempt: rate(hits) for attempt, hits in columns.items()} for name, columns in by.items()
    }
    satisfied["two attempts against one"] = {
        attempt: change(by[CONTROL][attempt], by[METHOD][attempt]) for attempt in by[METHOD]
    }
    return {
        "Satisfied all critics by": satisfied,
        "Satisfied at the first attempt": {
            name: {critic: _satisfied_one(found, critic) for critic in CRITICS} for name, found in held.items()
        },
        "Best attempts": {
            name: {
                "score": mean([one.score for one in held[name]]),
                "right": labelled(predictions, "correct"),
                "declined": labelled(predictions, "abstain"),
                "attempts": mean([float(len(one.made)) for one in held[name]]),
            }
            for name, predictions in said.items()
        },
    }


def _satisfied_one(found: Sequence[Session], name: str) -> Figure:
    """The share of first attempts that satisfy one critic."""
    hits = []
    for session in found:
        [one] = [named.critic for named in session.critics.named if named.name == name]
        text = session.made[0].text
        hits.append(bool(text.strip()) and not one.critique(session.evidence, text).message)
    return rate(hits)


if __name__ == "__main__":
    as_program(main)
