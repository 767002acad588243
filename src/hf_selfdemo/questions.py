"""Any QA dataset into `Question` rows: the embedded one, JSONL(.gz), JSON, parquet, a dataset folder or a Hub id."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.errors import UserError
from hf_selfdemo.loading import did_you_mean
from hf_selfdemo.types import Passage, Question

EMBEDDED = Path(__file__).parent / "data"

ROLES = ("id", "question", "answers", "passages", "title", "gold", "answerable", "source")

PRESETS: dict[str, dict[str, str]] = {
    "open_qa": {"gold": "gold", "answerable": "answerable", "source": "source"},
    "squad": {"answers": "answers.text", "passages": "context", "title": "title"},
    "squad_v2": {"answers": "answers.text", "passages": "context", "title": "title"},
    "nq_open": {"answers": "answer"},
    "dpr": {"passages": "ctxs"},
    "kilt": {"question": "input", "answers": "output.answer"},
}
"""Where each role stands in well-known datasets, as far as it differs from a column of the role's own name.

A dot goes into a nested value: `answers.text` is the list `text` in the struct `answers`. `dpr` is the format of the
usual passage sets of nq_open (DPR, FiD, Contriever): `question`, `answers`, `ctxs` with `id, title, text, score`.
"""

_DEFAULTS = {"id": "id", "question": "question", "answers": "answers"}


def read_questions(
    source: str,
    split: str = "train",
    preset: str = "open_qa",
    columns: Sequence[str] = (),
    dataset_config: str | None = None,
    revision: str | None = None,
) -> list[Question]:
    """Read questions in the order of the source.

    Args:
        source: "embedded", a file (.jsonl, .jsonl.gz, .json, .json.gz, .parquet), a dataset folder, or a Hub id.
        split: used where the source has splits (embedded, dataset folder, Hub).
        preset: a key of `PRESETS`.
        columns: "role=column" pairs that override the preset, e.g. `answers=answer.aliases`.
        dataset_config: the Hub dataset's configuration.
        revision: of the Hub dataset.

    Raises:
        UserError: for a missing file or column, an empty source, a row without question text or with answers that are
            neither text nor a list of texts, a duplicated id; it names the row.

    Example:
        >>> read_questions("embedded", split="test")[0].answerable
        True
    """
    mapping, needed = _mapping(preset, columns)
    rows = list(read_rows(source, split, dataset_config, revision))
    if not rows:
        raise UserError(f"{source} ({split}) has no rows", "check the path and the split")
    questions = [_question(row, mapping, needed, f"row {i} of {source}", i) for i, row in enumerate(rows, 1)]
    seen: dict[str, int] = {}
    for i, question in enumerate(questions, 1):
        if question.id in seen:
            raise UserError(
                f"rows {seen[question.id]} and {i} of {source} both have the id {question.id!r}", "make ids unique"
            )
        seen[question.id] = i
    return questions


def read_passages(source: str, split: str = "train", max_words: int = 0) -> list[Passage]:
    """Read a corpus: the embedded one, or any source as above with the columns `id`, `text` and optionally `title`.

    Args:
        source: as in `read_questions`.
        split: as in `read_questions`; the embedded corpus is split too, so that test passages stay unseen.
        max_words: cut passages after so many words; 0 keeps them whole.

    Raises:
        UserError: if a passage has no id or text, or two share an id.
    """
    passages: dict[str, Passage] = {}
    for i, row in enumerate(read_rows(source, split, None, None, "corpus.jsonl"), 1):
        if not isinstance(row.get("text"), str) or not row["text"].strip() or row.get("id") is None:
            raise UserError(f"row {i} of {source} is no passage", "give each a text in `text` and a unique `id`")
        passage = Passage(str(row["id"]), cut_words(row["text"], max_words), str(row.get("title") or ""))
        if passage.id in passages:
            raise UserError(f"row {i} of {source} repeats the passage id {passage.id!r}", "make ids unique")
        passages[passage.id] = passage
    if not passages:
        raise UserError(f"{source} ({split}) has no passages", "check the path and the split")
    return list(passages.values())


def sample(questions: Sequence[Question], answerable: int, unanswerable: int, seed: int) -> list[Question]:
    """At most so many of each kind, drawn by a seed and kept in the original order; a negative number keeps all."""
    rng = random.Random(seed)
    kept: set[str] = set()
    for flag, limit in ((True, answerable), (False, unanswerable)):
        ids = [q.id for q in questions if q.answerable == flag]
        kept.update(ids if limit < 0 or limit >= len(ids) else rng.sample(ids, limit))
    return [q for q in questions if q.id in kept]


def cut_words(text: str, limit: int) -> str:
    """The first `limit` words, the spacing between them kept; 0 keeps all.

    Example:
        >>> cut_words("one  two three", 2)
        'one  two'
    """
    if limit <= 0:
        return text
    words = text.split(maxsplit=limit)
    return text if len(words) <= limit else text[: len(text) - len(words[limit])].rstrip()


def _mapping(preset: str, columns: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Role to column, and the roles that every row must have: question, answers and what the user mapped by hand."""
    if preset not in PRESETS:
        raise UserError(f"unknown preset {preset!r}", did_you_mean(preset, list(PRESETS)))
    mapping, needed = _DEFAULTS | PRESETS[preset], {"question", "answers"}
    for pair in columns:
        role, _, column = pair.partition("=")
        if not column or role not in ROLES:
            remedy = "write the column after the =" if role in ROLES else did_you_mean(role, list(ROLES))
            raise UserError(f"columns: {pair!r} is no role=column pair", remedy)
        mapping[role] = column
        needed.add(role)
    taken = {mapping[role].split(".")[0] for role in needed}
    # a column that the user has given a role is no longer what a preset takes it for
    return {r: c for r, c in mapping.items() if r in needed or c.split(".")[0] not in taken}, needed


def read_rows(
    source: str, split: str, config: str | None, revision: str | None, embedded: str = "questions.jsonl"
) -> Iterable[dict[str, Any]]:
    """The rows of a file, a dataset folder, a Hub dataset, or of the `embedded` file of that name, as they are.

    Raises:
        UserError: if it cannot be found or read.
    """
    if source == "embedded":
        return (row for row in _json_lines(EMBEDDED / embedded) if row["split"] == split)
    path = Path(source).expanduser()
    if path.is_file():
        return _file(path)
    if not path.is_dir() and difflib.get_close_matches(source, ["embedded"], cutoff=0.8):
        raise UserError(f"there is no dataset {source!r}", "did you mean 'embedded'?")  # asking the Hub takes long
    if path.is_dir() or (source.count("/") <= 1 and not source.startswith((".", "/", "~")) and not path.suffix):
        return _dataset(source, path, split, config, revision)
    raise UserError(f"there is no file {source}", "check the path")


def _file(path: Path) -> list[dict[str, Any]]:
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith((".jsonl", ".ndjson")):
            return list(_json_lines(path))
        if name.endswith(".json"):
            return _json_array(path)
        if name.endswith(".parquet"):
            import pyarrow.parquet

            return pyarrow.parquet.read_table(path).to_pylist()
    except UserError:
        raise
    except (OSError, EOFError, zlib.error, ValueError) as error:  # torn, of another format, or not in UTF-8
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} cannot be read ({reason})", "check that it is whole, and UTF-8 if text") from error
    raise UserError(f"{path} is of no known format", "give .jsonl, .json (both also .gz) or .parquet")


def _dataset(source: str, path: Path, split: str, config: str | None, revision: str | None) -> Iterable[dict[str, Any]]:
    import datasets

    try:
        if (path / "dataset_dict.json").exists():
            splits = datasets.load_from_disk(source)
            if split not in splits:
                raise UserError(f"dataset {source} has no split {split!r}", did_you_mean(split, list(splits)))
            return splits[split]
        if (path / "state.json").exists():
            return datasets.load_from_disk(source)
        return datasets.load_dataset(source, config, split=split, revision=revision)
    except UserError:
        raise
    except Exception as error:  # every Hub and format problem has a class of its own; the user needs one line
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"dataset {source!r} (split {split!r}) cannot be read: {reason}", "check name and split"
        ) from error


def _json_lines(path: Path) -> Iterable[dict[str, Any]]:
    with _open(path) as lines:
        for i, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise UserError(f"line {i} of {path} is no JSON ({error.msg})", "mend or drop it") from None
                if not isinstance(row, dict):
                    raise UserError(f"line {i} of {path} is no JSON object", "write one object a line")
                yield row


def _json_array(path: Path) -> list[dict[str, Any]]:
    with _open(path) as handle:
        try:
            rows = json.load(handle)
        except json.JSONDecodeError as error:
            raise UserError(f"{path} is no JSON ({error.msg}, line {error.lineno})", "mend it") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is no list of objects", "write [{...}, ...], or one object a line as .jsonl")
    return rows


def _open(path: Path) -> Any:
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig")  # a byte order mark, if any, is left out


def dig(row: dict[str, Any], column: str, where: str) -> Any:
    """Follow a dotted column into structs and lists of structs; raises where a step leads nowhere."""
    value: Any = row
    steps = column.split(".")
    for depth, step in enumerate(steps):
        items = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
        if value != [] and not any(step in item for item in items):
            known = sorted({key for item in items for key in item})
            remedy = "map it with columns; " + _nearest(steps[:depth], step, known) if known else "map another column"
            raise UserError(f"{where} has no column {column!r}", remedy)
        value = [item.get(step) for item in items] if isinstance(value, list) else value[step]
    return value


def _nearest(parents: Sequence[str], step: str, known: list[str]) -> str:
    """What to write instead of a step that leads nowhere, as the whole column that it would be."""
    near = difflib.get_close_matches(step, known, n=1)  # parents are alike and would make all look near
    columns = [".".join([*parents, key]) for key in near or known]
    return f"did you mean {columns[0]!r}?" if near else did_you_mean("", columns)


def _question(row: dict[str, Any], mapping: dict[str, str], needed: set[str], where: str, number: int) -> Question:
    def get(role: str) -> Any:
        column = mapping.get(role)
        if column is None or (role not in needed and column.split(".")[0] not in row):
            return None
        return dig(row, column, where)

    text = get("question")
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where} has no question text in {mapping['question']!r}", "fill it in or drop the row")
    answers = _texts(get("answers"), where, mapping["answers"])
    answerable = get("answerable")
    title = str(get("title") or "")
    identifier = get("id")
    return Question(
        id=str(identifier) if identifier is not None else f"{number:06d}",
        text=text.strip(),
        answers=answers,
        passages=_passages(get("passages"), title, where, mapping.get("passages", "passages")),
        gold_ids=_texts(get("gold") or [], where, mapping.get("gold", "gold")),
        answerable=bool(answers) if answerable is None else bool(answerable),
        source=str(get("source") or ""),
    )


def _texts(value: Any, where: str, column: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, (str, int, float)) or v is None for v in value):
        inner = f", such as {column}.{next(iter(value))}" if isinstance(value, dict) and value else ""
        raise UserError(
            f"{where}: {column!r} is neither a text nor a list of texts",
            "write it as text or a list of texts, or map another column" + inner,
        )
    return tuple(dict.fromkeys(str(v).strip() for v in value if v is not None and str(v).strip()))


def _passages(value: Any, title: str, where: str, column: str) -> tuple[Passage, ...]:
    """A context string, a list of strings, or a list of objects with `text` and perhaps `id`, `title`, `score`."""
    if value is None:
        return ()
    if isinstance(value, (str, dict)):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise UserError(f"{where}: {column!r} holds no passages", "map another column")
    passages: dict[str, Passage] = {}
    for item in value:
        fields = {"text": item, "title": title} if isinstance(item, str) else item
        if not isinstance(fields, dict) or not isinstance(fields.get("text"), str) or not fields["text"].strip():
            raise UserError(f"{where} has a passage without text", "give each passage a `text`")
        identifier = fields.get("id", fields.get("passage_id"))
        if identifier is None:
            identifier = hashlib.sha256(fields["text"].encode()).hexdigest()[:12]
        try:
            score = float(fields.get("score") or 0.0)
        except (TypeError, ValueError):
            raise UserError(f"{where} has a passage with the score {fields['score']!r}", "give a number") from None
        passage = Passage(str(identifier), fields["text"], str(fields.get("title") or ""), score)
        passages.setdefault(passage.id, passage)
    return tuple(passages.values())
