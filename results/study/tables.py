"""The study's tables, made from its records, into this folder's README.

python results/study/tables.py
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cells import change_cell, foot, markdown, mean_cell, number_cell
from costs import COSTS
from declined import declined
from figures import ABSTAIN_VALUE, BASE_MODES, DISCERNMENT, Draws, System, difference, systems
from pairs import SHARES, drawn_share, pairs_of, share
from records import HERE, RECORDS, Study, read_study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.evaluation.report.resampling import RESAMPLES, Array
from hf_selfdemo.evaluation.report.table import ROWS

README, PLOTS = HERE / "README.md", HERE / "plots"
BLOCK = re.compile(r"(?<=<!-- tables -->\n).*?(?=<!-- end of tables -->)", re.DOTALL)

NAMES = ROWS | {
    "f_score": "F-score",
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
ABSTENTIONS = ("abstention_rate", "abstention_precision", "abstention_recall", "false_refusals", DISCERNMENT)
AGAINST = ("base", "base_may_decline", "ra_it")
"""The rows that all others are compared with."""

ABLATION = "ablation-"
TITLES = {"test": "Natural Questions, as retrieved", "squad": "SQuAD, as retrieved"}


def tables(study: Study, labels: Mapping[str, str], ablations: Mapping[str, Any], resamples: int = RESAMPLES) -> str:
    """All tables as Markdown.

    Args:
        study: the records.
        labels: what `systems.yaml` holds.
        ablations: what `ablations.yaml` holds.
        resamples: draws of the bootstrap.

    Raises:
        UserError: if there are records of a row that neither file names.
    """
    _refuse_unnamed(study, labels, ablations)
    parts = [*_set_tables(study, "test", labels, resamples), *_plots(), *_pair_tables(study, labels, resamples)]
    parts += [*_set_tables(study, "squad", labels, resamples), *_ablation_tables(study, labels, ablations, resamples)]
    return "\n".join(part for part in parts if part)


def _plots() -> Iterator[str]:
    """Those that `plots.py` has drawn, to be seen where the page is read."""
    for path in sorted(PLOTS.glob("*.svg")):
        yield f"![{path.stem.replace('_', ' ')}](plots/{path.name})\n"


def _refuse_unnamed(study: Study, labels: Mapping[str, str], ablations: Mapping[str, Any]) -> None:
    known = {"base", *labels, *(ABLATION + name for name in ablations["ablations"])}
    for name, record in study.records.items():
        if record["row"] not in known:
            file = "ablations.yaml" if record["row"].startswith(ABLATION) else "systems.yaml"
            raise UserError(
                f"records/{name}.json is of the row {record['row']!r}, which is unknown", f"add it to {file}"
            )


def _set_tables(study: Study, which: str, labels: Mapping[str, str], resamples: int) -> Iterator[str]:
    """Answers, abstentions, what is left besides, and the differences, on the natural rows of a set."""
    yield f"## {TITLES[which]}\n"
    found = systems(study, which, labels)
    if not found:
        yield _NOTHING
        return
    natural = {name: row for name, row in study.rows[which].items() if not row.gold_removed}
    present = sum(row.answer_in_context for row in natural.values())
    end = foot(found.values(), which, f"{len(natural)} rows, {present} of them shown a passage with the answer")
    draws = Draws(list(natural), resamples)
    yield end
    yield f"{_ABOUT_ANSWERS}\n\n{_figure_table(found, ANSWERS)}"
    yield f"{_ABOUT_ABSTENTIONS}\n\n{_figure_table(found, ABSTENTIONS)}"
    yield from _declined_table(found, draws)
    yield f"{_ABOUTCOSTS}\n\n{_cost_table(found, draws)}"
    yield from _difference_tables(found, draws, AGAINST, (*ANSWERS, *ABSTENTIONS[1:]))
    yield _missing(labels, found)


_NOTHING = "No run so far.\n"
_ABOUT_ANSWERS = f"""What becomes of all rows. Each figure is the mean over the seeds, with the lowest and the highest.
The lambda score counts a correct reply 1, an abstention {ABSTAIN_VALUE:g} and an incorrect one 0; with 0 for an
abstention it is plain *correct*."""
_ABOUT_ABSTENTIONS = """Abstentions: their share of all rows, of them those whose passages do not hold the answer
(precision), of such rows those abstained on (recall), of the other rows those abstained on (false refusals), and by how
much recall is above false refusals: not at all for a model that abstains without regard to the passages."""
_ABOUTCOSTS = """Without passages, and what a row took: nats a token of its training targets under the base model, and
tokens by the mean over the seeds. Tokens written and read (cached ones left out) are those of its candidates, made or
found in a ledger: rows that share one have each the whole cost."""


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
    names = (f"declined of what {found['base'].label}, has wrong", "of what it has right", "difference")
    yield f"{_ABOUT_DECLINED}\n\n{markdown(['', *names], rows)}"


_ABOUT_DECLINED = """Is it declined what would be answered wrongly? Of the rows that the base model, asked plainly,
answers wrongly, and of those that it answers rightly, the share that is declined; mean over the seeds."""


def _missing(labels: Mapping[str, str], found: Mapping[str, System], words: str = "Not run so far") -> str:
    names = [label for name, label in labels.items() if name not in found]
    return f"{words}: {'; '.join(names)}.\n" if names else ""


def _figure_table(found: Mapping[str, System], figures: Sequence[str]) -> str:
    rows = [[s.label, *(mean_cell(s.values(figure)) for figure in figures)] for s in found.values()]
    return markdown(["", *(NAMES[figure] for figure in figures)], rows)


def _cost_table(found: Mapping[str, System], draws: Draws) -> str:
    """Closed-book accuracy and its change; then what targets are to the base model, and tokens."""
    closed = {name: draws.figures(s.closed_book)["accuracy"] for name, s in found.items() if s.closed_book}
    rows = []
    for name, s in found.items():
        if not s.closed_book and not s.records:
            continue  # the trivial model
        cells = [mean_cell([float(draws.figures([p])["accuracy"][0]) for p in s.closed_book])]
        cells.append(_change(closed, name, _reference(found)))
        cells += [number_cell([told(r) for r in s.records], digits) for told, digits in COSTS.values()]
        rows.append([s.label, *cells])
    return markdown(["", "closed-book: correct", "change to base", *COSTS], rows)


def _reference(found: Mapping[str, System]) -> str:
    """The base model's first row that is there; its closed-book replies are the same in all of them."""
    return next((name for name in found if name in BASE_MODES), "")


def _change(drawn: Mapping[str, Array], name: str, other: str) -> str:
    if name not in drawn or other not in drawn or name in BASE_MODES:
        return ""
    return change_cell(difference(drawn[name], drawn[other]))


def _difference_tables(
    found: Mapping[str, System], draws: Draws, against: Sequence[str], figures: Sequence[str]
) -> Iterator[str]:
    drawn = {name: draws.figures(s.shown) for name, s in found.items()}
    for other in (name for name in against if name in found):
        rows = [
            [s.label, *(change_cell(difference(drawn[name][f], drawn[other][f])) for f in figures)]
            for name, s in found.items()
            if name != other
        ]
        table = markdown(["", *(NAMES[figure] for figure in figures)], rows)
        yield f"Difference to *{found[other].label}*; bold where the interval leaves out 0.\n\n{table}"


def _pair_tables(study: Study, labels: Mapping[str, str], resamples: int) -> Iterator[str]:
    yield "## Leave-gold-out pairs of Natural Questions\n"
    found = systems(study, "test", labels)
    pairs = {name: [pairs_of(replies) for replies in s.all_rows] for name, s in found.items()}
    pairs = {name: seeds for name, seeds in pairs.items() if all(seeds)}
    if not pairs:
        yield _NOTHING
        return
    ids = sorted({pair.original.id for seeds in pairs.values() for seed in seeds for pair in seed})
    draws, shown = Draws(ids, resamples), {name: found[name] for name in pairs}
    both = {name: drawn_share(draws, seeds, "both_right") for name, seeds in pairs.items()}
    against = [name for name in (_reference(shown), AGAINST[-1]) if name in shown]
    rows = [
        [found[name].label, *(mean_cell([share(p, kind) for p in seeds]) for kind in SHARES)]
        + [_pair_change(both, name, other) for other in against]
        for name, seeds in pairs.items()
    ]
    names = [name for name, _ in SHARES.values()]
    changes = [f"both right: change to {labels[other]}" for other in against]
    yield foot(shown.values(), "test", f"{len(ids)} pairs whose original is shown the answer")
    yield markdown(["", *names, *changes], rows)
    yield _missing(labels, shown, "Without replies to masked rows so far")


def _pair_change(both: Mapping[str, Array], name: str, other: str) -> str:
    return change_cell(difference(both[name], both[other])) if other in both and name != other else ""


def _ablation_tables(
    study: Study, labels: Mapping[str, str], ablations: Mapping[str, Any], resamples: int
) -> Iterator[str]:
    yield "## Ablations, on dev rows of Natural Questions as retrieved\n"
    reference, sentences = ablations["reference"], ablations["ablations"]
    named = {reference: labels[reference]} | {ABLATION + name: name for name in sentences}
    found = systems(study, "dev", named)
    if not found:
        yield _NOTHING
        return
    natural = [name for name, row in study.rows["dev"].items() if not row.gold_removed]
    figures = (*ANSWERS, *ABSTENTIONS[2:])
    yield foot(found.values(), "dev", f"{len(natural)} rows")
    yield "\n".join(f"- *{name}*: {sentences[name]}" for name in sentences if ABLATION + name in found) + "\n"
    yield _figure_table(found, figures)
    yield from _difference_tables(found, Draws(natural, resamples), [reference], figures)
    yield _missing(named, found)


def settings(file: str) -> dict[str, Any]:
    """What `systems.yaml` or `ablations.yaml` holds."""
    found: dict[str, Any] = yaml.safe_load((HERE / file).read_text(encoding="utf-8"))
    return found


def into(page: str, text: str) -> str:
    """A page with the tables between its marks."""
    return BLOCK.sub(lambda _: f"\n{text}\n", page)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the study's tables into its README.")
    parser.add_argument(
        "--records", type=Path, default=RECORDS, help="where collect.py wrote them; default %(default)s"
    )
    parser.add_argument("--page", type=Path, default=README, help="the page with the marks; default %(default)s")
    given = parser.parse_args()
    try:
        study = read_study(given.records)
        study.refuse_empty()
        text = tables(study, settings("systems.yaml"), settings("ablations.yaml"))
        write_text(given.page, into(given.page.read_text(encoding="utf-8"), text))
    except (UserError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {given.page} from {len(study.records)} records")


if __name__ == "__main__":
    main()
