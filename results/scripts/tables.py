"""Makes a study's tables from its records and writes them into its README.

python results/scripts/tables.py results/study
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cells import change_cell, foot, markdown, mean_cell
from figures import Draws, difference, systems
from folders import StudyFolder
from one_table import one_table
from pairs import SHARES, drawn_share, pairs_of, share
from records import Study, read_study
from set_tables import (
    ABSTENTIONS,
    AGAINST,
    ANSWERS,
    NOTHING,
    difference_tables,
    figure_table,
    missing,
    reference,
    set_tables,
)

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.evaluation.report.resampling import RESAMPLES, Array

BLOCK = re.compile(r"(?<=<!-- tables -->\n).*?(?=<!-- end of tables -->)", re.DOTALL)

ABLATION = "ablation-"


def tables(folder: StudyFolder, study: Study, resamples: int = RESAMPLES) -> str:
    """All tables as Markdown.

    Args:
        folder: the study's folder. Its `systems.yaml` and `ablations.yaml` name the rows.
        study: the records.
        resamples: number of bootstrap draws.

    Raises:
        UserError: if a record belongs to a row that neither file names.
    """
    labels, ablations = folder.labels, folder.ablations
    _refuse_unnamed(study, labels, ablations)
    parts = [*one_table(study, labels, resamples)]
    parts += [*set_tables(study, "test", labels, resamples, folder.looked_at), *_plots(folder.plots)]
    parts += _pair_tables(study, labels, resamples)
    parts += set_tables(study, "squad", labels, resamples)
    parts += _ablation_tables(study, labels, ablations, resamples) if ablations else ()
    return "\n".join(part for part in parts if part)


def _plots(folder: Path) -> Iterator[str]:
    """Markdown images of the plots that `plots.py` has drawn, one line each."""
    for path in sorted(folder.glob("*.svg")):
        yield f"![{path.stem.replace('_', ' ')}](plots/{path.name})\n"


def _refuse_unnamed(study: Study, labels: Mapping[str, str], ablations: Mapping[str, Any]) -> None:
    known = {"base", *labels, *(ABLATION + name for name in ablations.get("ablations", ()))}
    for name, record in study.records.items():
        if record["row"] not in known:
            file = "ablations.yaml" if record["row"].startswith(ABLATION) else "systems.yaml"
            raise UserError(
                f"records/{name}.json belongs to row {record['row']!r}, which is not listed", f"add it to {file}"
            )


def _pair_tables(study: Study, labels: Mapping[str, str], resamples: int) -> Iterator[str]:
    yield "## Leave-gold-out pairs of Natural Questions\n"
    found = systems(study, "test", labels)
    pairs = {name: [pairs_of(replies) for replies in s.all_rows] for name, s in found.items()}
    pairs = {name: seeds for name, seeds in pairs.items() if all(seeds)}
    if not pairs:
        yield NOTHING
        return
    ids = sorted({pair.original.id for seeds in pairs.values() for seed in seeds for pair in seed})
    draws, shown = Draws(ids, resamples), {name: found[name] for name in pairs}
    both = {name: drawn_share(draws, seeds, "both_right") for name, seeds in pairs.items()}
    against = [name for name in (reference(shown), AGAINST[-1]) if name in shown]
    rows = [
        [found[name].label, *(mean_cell([share(p, kind) for p in seeds]) for kind in SHARES)]
        + [_pair_change(both, name, other) for other in against]
        for name, seeds in pairs.items()
    ]
    names = [name for name, _ in SHARES.values()]
    changes = [f"both correct: change from {labels[other]}" for other in against]
    yield foot(
        shown.values(),
        "test",
        f"{len(ids)} pairs of a question whose passages contain the answer and the same question with these passages "
        "removed (both correct: a correct reply to the first, an abstention on the second)",
    )
    yield markdown(["", *names, *changes], rows)
    yield missing(labels, shown, "No replies with gold removed so far")


def _pair_change(both: Mapping[str, Array], name: str, other: str) -> str:
    return change_cell(difference(both[name], both[other])) if other in both and name != other else ""


def _ablation_tables(
    study: Study, labels: Mapping[str, str], ablations: Mapping[str, Any], resamples: int
) -> Iterator[str]:
    yield "## Ablations, on dev rows of Natural Questions as retrieved\n"
    changed, sentences = ablations["reference"], ablations["ablations"]
    named = {changed: labels[changed]} | {ABLATION + name: name for name in sentences}
    found = systems(study, "dev", named)
    if not found:
        yield NOTHING
        return
    natural = [name for name, row in study.rows["dev"].items() if not row.gold_removed]
    names = (*ANSWERS, *ABSTENTIONS[2:])
    yield foot(found.values(), "dev", f"{len(natural)} rows")
    yield "\n".join(f"- *{name}*: {sentences[name]}" for name in sentences if ABLATION + name in found) + "\n"
    yield figure_table(found, names)
    yield from difference_tables(found, Draws(natural, resamples), [changed], names)
    yield missing(named, found)


def into(page: str, text: str) -> str:
    """The page with `text` between its marks."""
    return BLOCK.sub(lambda _: f"\n{text}\n", page)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a study's tables into its README.")
    parser.add_argument("study", help="the study's folder, e.g. results/study")
    given = parser.parse_args()
    try:
        folder = StudyFolder.named(given.study)
        study = read_study(folder.records)
        study.refuse_empty()
        write_text(folder.page, into(folder.page.read_text(encoding="utf-8"), tables(folder, study)))
    except (UserError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {folder.page} from {len(study.records)} records")


if __name__ == "__main__":
    main()
