"""The tables of one set of rows: answers, abstentions, costs and differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from cells import change_cell, foot, markdown, mean_cell, number_cell
from costs import COSTS
from declined import declined
from figures import ABSTAIN_VALUE, BASE_MODES, DISCERNMENT, Draws, Replies, System, difference, systems
from points import OTHER_AIMS, applied, chosen
from records import Study
from signal_tables import signal_tables

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.evaluation.report.resampling import RESAMPLES
from hf_selfdemo.evaluation.report.table import ROWS
from hf_selfdemo.scoring.operating_point import Aim
from hf_selfdemo.scoring.outcomes import figures

NAMES = ROWS | {
    "f_score": "F-score",
    "abstention_f1": "F1 of abstaining",
    "lambda_score": f"lambda score, {ABSTAIN_VALUE:g}",
    DISCERNMENT: "recall minus false refusals",
}
ANSWERS = (
    "accuracy",
    "hallucination_rate",
    "accuracy_given_attempted",
    "f_score",
    "accuracy_in_context",
    "lambda_score",
)
ABSTENTIONS = (
    *("abstention_rate", "abstention_precision", "abstention_recall", "abstention_f1"),
    *("false_refusals", DISCERNMENT),
)
IN_SHORT = ("accuracy", "hallucination_rate", "f_score", "abstention_recall", "false_refusals", DISCERNMENT)
AGAINST = ("base", "base_may_decline", "ra_it")
"""The systems that all others are compared with."""

KINDS = ("no answer in the corpus", "answer not shown", "answer shown")
TITLES = {"test": "Natural Questions, as retrieved", "squad": "SQuAD, as retrieved"}
NOTHING = "No run so far.\n"


def set_tables(
    study: Study, which: str, labels: Mapping[str, str], resamples: int = RESAMPLES, looked_at: Collection[str] = ()
) -> Iterator[str]:
    """The tables of a set as Markdown, on its rows as retrieved (without counterfactual twins).

    Args:
        study: the records.
        which: the set, "test" or "squad".
        labels: the rows of the tables: names and labels.
        resamples: number of bootstrap draws.
        looked_at: ids of questions that earlier trials used. If there are any, short tables without them are added.
    """
    yield f"## {TITLES[which]}\n"
    found = systems(study, which, labels)
    if not found:
        yield NOTHING
        return
    natural = {name: row for name, row in study.rows[which].items() if not row.gold_removed}
    present = sum(row.answer_in_context for row in natural.values())
    end = foot(found.values(), which, f"{len(natural)} rows, {present} of them with the answer in a passage")
    draws = Draws(list(natural), resamples)
    yield end
    yield f"{_ABOUT_ANSWERS}\n\n{figure_table(found, ANSWERS)}"
    yield f"{_ABOUT_ABSTENTIONS}\n\n{figure_table(found, ABSTENTIONS)}"
    yield f"{_ABOUT_KINDS}\n\n{_kind_table(found)}"
    yield from _declined_table(found, draws)
    yield f"{_ABOUT_COSTS}\n\n{_cost_table(found, draws)}"
    yield from difference_tables(found, draws, AGAINST, (*ANSWERS, *ABSTENTIONS[1:]))
    yield from _unseen_tables(found, [name for name in natural if name not in looked_at], len(natural), resamples)
    yield from _aim_tables(study, which, found)
    yield from signal_tables(study, found)
    yield missing(labels, found)


_ABOUT_ANSWERS = f"""Answers. Each cell is the mean over the seeds, with the lowest and highest value in parentheses.
*Correct* and *incorrect* are shares of all rows. *Correct, of attempted* is the share of correct replies among the rows
where the model does not abstain. *F-score* is the harmonic mean of *correct* and *correct, of attempted*. *Correct, in
context* is the share of correct replies among the rows whose passages contain the answer. *Lambda score* is the mean
score per row: 1 for a correct reply, {ABSTAIN_VALUE:g} for an abstention, 0 for an incorrect reply."""
_ABOUT_ABSTENTIONS = """Abstentions. *Abstained* is the share of all rows. *Abstention precision* is the share of
abstentions where no passage contains the answer. *Abstention recall* is the share of abstentions among the rows whose
passages do not contain the answer. *F1 of abstaining* is the harmonic mean of the two. *False refusals* is the share of
abstentions among the rows whose passages contain the answer. *Recall minus false refusals* is 0 for a model that
abstains regardless of the passages."""
_ABOUT_KINDS = """Share of abstentions by kind of row. *No answer in the corpus*: the question is unanswerable. *Answer
not shown*: the question is answerable, but no passage contains the answer. *Answer shown*: a passage contains the
answer. The number of rows is in parentheses."""
_ABOUT_COSTS = """Closed-book accuracy and costs, as means over the seeds. *Closed-book: correct* is the share of
correct replies without passages. *Change from base* is its difference from the base model. *Nats per target token* is
the mean negative log-likelihood of the training targets under the base model. *Training rows* and *training tokens*
are what the model was trained on; tokens count prompts and replies over all epochs. *Calls*, *generated tokens* and
*uncached prompt tokens for data* are the cost of the candidates. Calls found in the ledger count, too, so rows that
share candidates each have the whole cost. *Calls* and *uncached prompt tokens per reply* are means over the replies to
test questions, with and without passages."""


def _kind_table(found: Mapping[str, System]) -> str:
    """The share of abstentions on each of the `KINDS` of rows."""
    [first, *_] = next(iter(found.values())).shown
    counts = Counter(map(_kind, first))
    names = [f"{kind} ({counts[kind]})" for kind in KINDS]
    rows = [
        [s.label, *(mean_cell([_abstained(replies, kind) for replies in s.shown]) for kind in KINDS)]
        for s in found.values()
    ]
    return markdown(["", *names], rows)


def _kind(row: Prediction) -> str:
    return KINDS[0] if not row.answerable else KINDS[1 + row.answer_in_context]


def _abstained(replies: Replies, kind: str) -> float | None:
    return figures([p for p in replies if _kind(p) == kind])["abstention_rate"].value


def _declined_table(found: Mapping[str, System], draws: Draws) -> Iterator[str]:
    """The share of abstentions where the base model is incorrect, and where it is correct."""
    if "base" not in found:
        return
    [other] = found["base"].shown
    rows = []
    for name, s in found.items():
        if name != "base":
            shares = declined(draws, s.shown, other)
            cells = [mean_cell([float(share[0])]) for share in shares]
            rows.append([s.label, *cells, change_cell(difference(shares.wrong, shares.right))])
    names = (f"abstained where {found['base'].label}, is incorrect", "abstained where it is correct", "difference")
    yield f"{_ABOUT_DECLINED}\n\n{markdown(['', *names], rows)}"


_ABOUT_DECLINED = """Does a model abstain where it would be incorrect? The first column is the share of abstentions
among the rows where the base model under the plain prompt is incorrect. The second is the share among the rows where it
is correct. *Difference* is the first minus the second, with its 95% interval. All are means over the seeds."""


def missing(labels: Mapping[str, str], found: Mapping[str, System], words: str = "Not run so far") -> str:
    """A line that names the rows without runs; empty if there are none."""
    names = [label for name, label in labels.items() if name not in found]
    return f"{words}: {'; '.join(names)}.\n" if names else ""


def _unseen_tables(found: Mapping[str, System], unseen: Sequence[str], count: int, resamples: int) -> Iterator[str]:
    """The figures of `IN_SHORT` on the rows that no earlier trial used; nothing if that is all rows."""
    if len(unseen) == count:
        return
    kept = set(unseen)
    fresh = {
        name: replace(s, shown=[[p for p in said if p.id in kept] for said in s.shown]) for name, s in found.items()
    }
    yield f"On the {len(unseen)} rows that no earlier trial used.\n\n{figure_table(fresh, IN_SHORT)}"
    yield from difference_tables(fresh, Draws(unseen, resamples), AGAINST[-1:], IN_SHORT)


def _aim_tables(study: Study, which: str, found: Mapping[str, System]) -> Iterator[str]:
    """A table for each aim that limits a rate, with the models whose dev questions prove the limit."""
    for aim in OTHER_AIMS:
        there = {name: limited for name, s in found.items() if (limited := _limited(study, which, s, aim)).shown}
        if there:
            rate = aim.target.replace("_", " ")
            about = f"With {rate} of at most {aim.limit:g}, proven on dev questions (level {aim.level:g})."
            yield f"{about}\n\n{figure_table(there, IN_SHORT)}"


def _limited(study: Study, which: str, s: System, aim: Aim) -> System:
    """A row at points for an aim, with the seeds that prove the limit; its label counts them if some do not."""
    mode, shown = BASE_MODES.get(s.name, "rag"), []
    for record, replies in zip(s.records, s.shown, strict=False):
        if not s.name.endswith(AT_POINT) and (point := chosen(study, record, mode, aim)):
            shown += [said] if (said := applied(point, replies)) else []
    few = len(shown) < len(s.shown)
    return replace(s, label=f"{s.label} ({len(shown)} of {len(s.shown)} seeds)" if few else s.label, shown=shown)


def figure_table(found: Mapping[str, System], names: Sequence[str]) -> str:
    """A table of the named figures: the mean over the seeds of each row, with the lowest and highest value."""
    rows = [[s.label, *(mean_cell(s.values(name)) for name in names)] for s in found.values()]
    return markdown(["", *(NAMES[name] for name in names)], rows)


def _cost_table(found: Mapping[str, System], draws: Draws) -> str:
    """A table of closed-book accuracy, its change from the base model, and the figures of `COSTS`."""
    changes, rows = closed_book_changes(found, draws), []
    for name, s in found.items():
        if not s.records or name.endswith(AT_POINT):
            continue  # the model that always abstains costs nothing; operating points share the costs of their model
        cells = [mean_cell([float(draws.figures([p])["accuracy"][0]) for p in s.closed_book])]
        cells.append(changes.get(name, ""))
        cells += [number_cell([told(r) for r in s.records], digits) for told, digits in COSTS.values()]
        rows.append([s.label, *cells])
    return markdown(["", "closed-book: correct", "change from base", *COSTS], rows)


def reference(found: Mapping[str, System]) -> str:
    """The name of the base model's first row in `found`. All its rows have the same closed-book replies."""
    return next((name for name in found if name in BASE_MODES), "")


def closed_book_changes(found: Mapping[str, System], draws: Draws) -> dict[str, str]:
    """The change in closed-book accuracy from the base model, one table cell per trained row."""
    drawn = {name: draws.figures(s.closed_book)["accuracy"] for name, s in found.items() if s.closed_book}
    other = reference(found)
    if other not in drawn:
        return {}
    return {name: change_cell(difference(one, drawn[other])) for name, one in drawn.items() if name not in BASE_MODES}


def difference_tables(
    found: Mapping[str, System], draws: Draws, against: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    """For each row in `against` a table of how much the figures of all other rows differ from it."""
    drawn = {name: draws.figures(s.shown) for name, s in found.items()}
    for other in (name for name in against if name in found):
        rows = [
            [s.label, *(change_cell(difference(drawn[name][f], drawn[other][f])) for f in names)]
            for name, s in found.items()
            if name != other
        ]
        table = markdown(["", *(NAMES[f] for f in names)], rows)
        yield f"Difference from *{found[other].label}* with its 95% interval; bold if this excludes 0.\n\n{table}"
