"""What `hf-selfdemo push --dry_run` shows: one screen, and a folder with the cards and the lists of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from huggingface_hub import RepoCard
from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.console import in_units, show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.remade import remade
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.inspection import inspect_artefact

FOLDER = "hub/preview"
"""The folder of the preview, in the run's folder."""

_SHOWN = 10
"""Maximum number of findings that are printed. The file has all."""


def show_preview(artefacts: Sequence[Artefact], private: Sequence[bool], run: Path) -> None:
    """Print what would be pushed, and write the cards to a folder. Nothing is sent.

    Args:
        artefacts: all that would be pushed.
        private: for each, whether a new repository would be private.
        run: the run's folder.

    Raises:
        UserError: if `push` would reject a file.
    """
    found = [inspect_artefact(artefact) for artefact in artefacts]
    findings = [
        f"{artefact.repo_id}: {line}" for artefact, lines in zip(artefacts, found, strict=True) for line in lines
    ]
    show(_table(artefacts, private))
    with remade(run / FOLDER) as folder:
        for artefact, lines in zip(artefacts, found, strict=True):
            name = f"{artefact.kind}-{artefact.repo_id.partition('/')[2]}"
            (folder / f"{name}.files.txt").write_text(_files(artefact), encoding="utf-8")
            if not any(line.startswith("README.md") for line in lines):
                (folder / f"{name}.md").write_text(str(artefact.files["README.md"]), encoding="utf-8")
        if findings:
            (folder / "rejected.txt").write_text("\n".join(findings) + "\n", encoding="utf-8")
    if not findings:
        for line in _passed(artefacts, run):
            show(f"passed: {line}")
    for finding in findings[:_SHOWN]:
        show(f"rejected: {finding}")
    show(f"cards and lists of files: {run / FOLDER}")
    if findings:
        more = f"all are in {run / FOLDER / 'rejected.txt'}" if len(findings) > _SHOWN else "each is named above"
        raise UserError(f"push would reject {len(findings)} findings", f"fix them; {more}")
    show("nothing was sent; to push, repeat the command without --dry_run")


def _table(artefacts: Sequence[Artefact], private: Sequence[bool]) -> Table:
    table = Table("repository", "kind", "visibility", "licence", "files", "size", title="What would be pushed")
    for column in table.columns[-2:]:
        column.justify = "right"
    for artefact, hidden in zip(artefacts, private, strict=True):
        sizes = [_size(file) for file in artefact.files.values()]
        licence = RepoCard(str(artefact.files["README.md"])).data.to_dict().get("license", "none named")
        kind = artefact.kind if artefact.kind == artefact.repo_type else f"{artefact.kind} ({artefact.repo_type})"
        cells = (artefact.repo_id, kind, "private" if hidden else "public", str(licence))
        table.add_row(*map(Text, cells), str(len(sizes)), in_units(sum(sizes)))
    return table


def _passed(artefacts: Sequence[Artefact], run: Path) -> Iterator[str]:
    """The checks that were passed. Those of the run were made with the artefacts."""
    kinds = {artefact.kind for artefact in artefacts}
    count = sum(len(artefact.files) for artefact in artefacts)
    yield f"{count} files: no secret, no path or name of this machine, no compressed or unknown binary file"
    if "dataset" in kinds:
        yield "the demonstrations are complete and unchanged since they were made"
    if kinds & {"model", "retriever"}:
        yield "the weights are unchanged since training"
    if "model" in kinds and (run / "evaluation" / "manifest.json").exists():
        yield "the evaluation is of these weights"


def _files(artefact: Artefact) -> str:
    """The files of the commit, one per line."""
    sizes = {name: _size(file) for name, file in artefact.files.items()}
    width = max(map(len, sizes))
    lines = [f"{name:{width}}  {in_units(size):>9}" for name, size in sizes.items()]
    return "\n".join([f"{artefact.repo_id}: {artefact.message}", "", *lines]) + "\n"


def _size(file: Path | str) -> int:
    return file.stat().st_size if isinstance(file, Path) else len(file.encode())
