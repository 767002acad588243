"""The tables about one set of rows: answers, abstentions, costs and differences."""

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
"""The rows that all others are compared with."""

KINDS = ("no answer in the corpus", "answer not shown", "answer shown")
TITLES = {"test": "Natural Questions, as retrieved", "squad": "SQuAD, as retrieved"}
NOTHING = "No run so far.\n"


def set_tables(
    study: Study, which: str, labels: Mapping[str, str], resamples: int = RESAMPLES, looked_at: Collection[str] = ()
) -> Iterator[str]:
    """Answers, abstentions, what is left besides, and the differences, on the natural rows of a set.

    Args:
        study: the records.
        which: the set.
        labels: the rows of the tables.
        resamples: draws of the bootstrap.
        looked_at: questions that earlier trials saw; short tables without them come last.
    """
    yield f"## {TITLES[which]}\n"
    found = systems(study, which, labels)
    if not found:
        yield NOTHING
        return
    natural = {name: row for name, row in study.rows[which].items() if not row.gold_removed}
    present = sum(row.answer_in_context for row in natural.values())
    end = foot(found.values(), which, f"{len(natural)} rows, {present} of them shown a passage with the answer")
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


_ABOUT_ANSWERS = f"""What becomes of all rows. Each figure is the mean over the seeds, with the lowest and the highest.
The lambda score counts a correct reply 1, an abstention {ABSTAIN_VALUE:g} and an incorrect one 0; with 0 for an
abstention it is plain *correct*."""
_ABOUT_ABSTENTIONS = """Abstentions: their share of all rows, of them those whose passages do not hold the answer
(precision), of such rows those abstained on (recall), of the other rows those abstained on (false refusals), and by how
much recall is above false refusals: not at all for a model that abstains without regard to the passages."""
_ABOUT_KINDS = """On which rows a model abstains: those of questions that the corpus does not answer at all, those of
other questions whose passages do not hold the answer, and those whose passages do."""
_ABOUT_COSTS = """Without passages, and what a row took: nats a token of its training targets under the base model, and
calls and tokens by the mean over the seeds. Those made, written and read (cached tokens left out) are of its
candidates, made or found in a ledger: rows that share one have each the whole cost. A reply is one to a test question,
with passages or without."""


def _kind_table(found: Mapping[str, System]) -> str:
    """The share of abstentions by what is known of a row's question and passages."""
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
    """Whether rows are declined that would be answered wrongly."""
    if "base" not in found:
        return
    [other] = found["base"].shown
    rows = []
    for name, s in found.items():
        if name != "base":
            shares = declined(draws, s.shown, other)
            cells = [mean_cell([float(share[0])]) for share in shares]
            rows.append([s.label, *cells, change_cell(difference(shares.wrong, shares.right))])
    names = (f"abstains where {found['base'].label}, is wrong", "where it is correct", "difference")
    yield f"{_ABOUT_DECLINED}\n\n{markdown(['', *names], rows)}"


_ABOUT_DECLINED = """Does a model abstain where it would be wrong? Of the rows that the base model, asked plainly,
answers wrongly, and of those that it answers correctly, the share on which the model abstains; mean over the seeds."""


def missing(labels: Mapping[str, str], found: Mapping[str, System], words: str = "Not run so far") -> str:
    """The rows that are not there."""
    names = [label for name, label in labels.items() if name not in found]
    return f"{words}: {'; '.join(names)}.\n" if names else ""


def _unseen_tables(found: Mapping[str, System], unseen: Sequence[str], count: int, resamples: int) -> Iterator[str]:
    """The most important figures on the rows that no earlier trial looked at."""
    if len(unseen) == count:
        return
    kept = set(unseen)
    fresh = {
        name: replace(s, shown=[[p for p in said if p.id in kept] for said in s.shown]) for name, s in found.items()
    }
    yield f"On the {len(unseen)} rows that no earlier trial looked at.\n\n{figure_table(fresh, IN_SHORT)}"
    yield from difference_tables(fresh, Draws(unseen, resamples), AGAINST[-1:], IN_SHORT)


def _aim_tables(study: Study, which: str, found: Mapping[str, System]) -> Iterator[str]:
    """The models at points that limit a rate; a row for those of which it can be proven on dev questions."""
    for aim in OTHER_AIMS:
        there = {name: limited for name, s in found.items() if (limited := _limited(study, which, s, aim)).shown}
        if there:
            rate = aim.target.replace("_", " ")
            about = f"With {rate} of at most {aim.limit:g}, proven on dev questions (level {aim.level:g})."
            yield f"{about}\n\n{figure_table(there, IN_SHORT)}"


def _limited(study: Study, which: str, s: System, aim: Aim) -> System:
    """A row at points for an aim: of the seeds those of which the limit is proven, counted where some are not."""
    mode, shown = BASE_MODES.get(s.name, "rag"), []
    for record, replies in zip(s.records, s.shown, strict=False):
        if not s.name.endswith(AT_POINT) and (point := chosen(study, record, mode, aim)):
            shown += [said] if (said := applied(point, replies)) else []
    few = len(shown) < len(s.shown)
    return replace(s, label=f"{s.label} ({len(shown)} of {len(s.shown)} seeds)" if few else s.label, shown=shown)


def figure_table(found: Mapping[str, System], names: Sequence[str]) -> str:
    """Figures by name: of each row the mean over the seeds, with the lowest and the highest."""
    rows = [[s.label, *(mean_cell(s.values(name)) for name in names)] for s in found.values()]
    return markdown(["", *(NAMES[name] for name in names)], rows)


def _cost_table(found: Mapping[str, System], draws: Draws) -> str:
    """Closed-book accuracy and its change; then what targets are to the base model, and tokens."""
    changes, rows = closed_book_changes(found, draws), []
    for name, s in found.items():
        if not s.records or name.endswith(AT_POINT):
            continue  # the trivial model, and those that differ in nothing that is told here
        cells = [mean_cell([float(draws.figures([p])["accuracy"][0]) for p in s.closed_book])]
        cells.append(changes.get(name, ""))
        cells += [number_cell([told(r) for r in s.records], digits) for told, digits in COSTS.values()]
        rows.append([s.label, *cells])
    return markdown(["", "closed-book: correct", "change to base", *COSTS], rows)


def reference(found: Mapping[str, System]) -> str:
    """The base model's first row that is there; its closed-book replies are the same in all of them."""
    return next((name for name in found if name in BASE_MODES), "")


def closed_book_changes(found: Mapping[str, System], draws: Draws) -> dict[str, str]:
    """By how much closed-book accuracy differs from the base model's, a cell a row that was trained."""
    drawn = {name: draws.figures(s.closed_book)["accuracy"] for name, s in found.items() if s.closed_book}
    other = reference(found)
    if other not in drawn:
        return {}
    return {name: change_cell(difference(one, drawn[other])) for name, one in drawn.items() if name not in BASE_MODES}


def difference_tables(
    found: Mapping[str, System], draws: Draws, against: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    """How far the figures of all rows are from those of some of them."""
    drawn = {name: draws.figures(s.shown) for name, s in found.items()}
    for other in (name for name in against if name in found):
        rows = [
            [s.label, *(change_cell(difference(drawn[name][f], drawn[other][f])) for f in names)]
            for name, s in found.items()
            if name != other
        ]
        table = markdown(["", *(NAMES[f] for f in names)], rows)
        yield f"Difference to *{found[other].label}*; bold where the interval leaves out 0.\n\n{table}"
