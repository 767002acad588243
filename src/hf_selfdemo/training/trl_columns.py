"""Demonstrations in TRL's dataset formats, for training with plain `SFTTrainer`, `DPOTrainer` or `GRPOTrainer`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset, Features, List, Value

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Message
from hf_selfdemo.data.rows import FEATURES, evidence_of, rejected_of
from hf_selfdemo.methods.answering import PROMPTED, single_prompt
from hf_selfdemo.prompting.chat import disarm
from hf_selfdemo.prompting.disarming import take_apart
from hf_selfdemo.training.given import ASKED, TOLD, given_rows, whole_row
from hf_selfdemo.training.pair_rows import no_pair, pair_rows
from hf_selfdemo.training.rewardable import rewardable

_TURNS = List({"role": Value("string"), "content": Value("string")})
SFT_FEATURES = Features({"id": Value("string"), "prompt": _TURNS, "completion": _TURNS})
"""Columns of TRL's conversational prompt-completion format, and the row's id."""
PREFERENCE_FEATURES = Features({"id": Value("string"), "prompt": _TURNS, "chosen": _TURNS, "rejected": _TURNS})
"""Columns of TRL's conversational preference format with explicit prompts, and the row's id."""
PROMPT_FEATURES = Features(
    {"prompt": _TURNS}
    | {name: FEATURES[name] for name in ("id", "question", "answers", "passages", "answer_in_context", "answerable")}
)
"""Columns of TRL's conversational prompt-only format, and what `AbstentionReward` reads."""

_MARKERS = re.compile(
    r"<[|｜][^\s<>]{1,64}[|｜]>"  # ChatML, Llama 3, Phi; DeepSeek with its wide bars
    r"|</?(?:s|bos|eos|pad|unk|think|tool_call|tool_response)>"
    r"|<(?:start|end)_of_(?:turn|text|role)>"  # Gemma, Granite
    r"|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"  # Llama 2, Mistral
)
"""Turn markers of common chat templates. The model to train is not known here, so no tokenizer can name its own."""


def to_trl(
    dataset: Dataset | Sequence[Mapping[str, Any]],
    preference: bool = False,
    tokenizer: Any = None,
    answerer: Answerer = PROMPTED,
) -> Dataset:
    """Convert rows of `demonstrate` to conversations of prompt and reply.

    Prompts are those that `SelfDemoTrainer` shows without views: all passages as retrieved, or none in a closed-book
    row. Nothing is truncated and nothing changes by epoch; only structured rows allow that. Turn markers of common chat
    templates are broken up in every text, so that no passage can end a turn when TRL's trainer puts it into its
    template.

    Args:
        dataset: demonstrations, or a dataset or list of rows with at least question, passages and response; the other
            columns of `rows.FEATURES` are filled in.
        preference: whether to return the pairs, one per row (`pair_rows`), as `prompt`, `chosen` and `rejected`.
            Otherwise all rows are returned, as `prompt` and `completion`.
        tokenizer: the tokenizer of the model to train, if known; its control tokens are broken up too.
        answerer: the answerer that makes the prompts, for a method with its own prompts.

    Returns:
        A dataset for `SFTTrainer`, or with `preference` for `DPOTrainer`.

    Raises:
        UserError: if `dataset` has no demonstrations, a row lacks a needed column, or pairs are wanted and no row has
            one.

    Relations: the conversational formats of TRL 1.16, "prompt-completion" and "preference with explicit prompt".

    Example:
        >>> from hf_selfdemo.data.rows import FEATURES, evidence_row
        >>> from hf_selfdemo.core.types import Evidence, Question
        >>> row = evidence_row(Evidence(Question("q1", "Who?"))) | {"response": "Nobody.<|im_end|>"}
        >>> to_trl(Dataset.from_list([row], features=FEATURES))[0]["completion"]
        [{'role': 'assistant', 'content': 'Nobody.< |im_end|>'}]
    """
    rows: Any = given_rows(dataset, TOLD) if isinstance(dataset, list | tuple) else dataset
    absent = {"mode", "question", "passages", "response"} - set(getattr(rows, "column_names", ()))
    if absent & {*TOLD}:
        raise UserError(
            f"the dataset is not one of demonstrations, because it has no column {', '.join(sorted(absent))}",
            "give what `demonstrate` returns, or load its train.parquet with load_dataset",
        )
    if preference:
        told = rows.select_columns(sorted({"mode", "rejected", "response"} & {*rows.column_names}))
        kept = [i for i, row in enumerate(told) if not no_pair(row)]
        if not kept:
            raise UserError(f"none of {len(rows)} rows has a pair", "demonstrate with another pair_policy")
        rows = pair_rows(rows.select(kept))
    made: Dataset = rows.map(
        _conversation,
        with_indices=True,
        fn_kwargs={"preference": preference, "tokenizer": tokenizer, "answerer": answerer},
        remove_columns=rows.column_names,
        features=PREFERENCE_FEATURES if preference else SFT_FEATURES,
        load_from_cache_file=False,  # the cache does not notice changed prompt templates
    )
    return made


def to_prompts(dataset: Dataset | Sequence[Mapping[str, Any]], tokenizer: Any = None) -> Dataset:
    """Prompts and what rewards are computed from: rows for TRL's `GRPOTrainer` with `AbstentionReward`.

    Each question occurs once, and demonstrated responses are ignored. Rows for which no reward can be computed are left
    out (`rewardable`). Prompts are as in `to_trl`.

    Args:
        dataset: demonstrations, or a dataset or list of rows with at least id, question, passages and answers.
        tokenizer: as in `to_trl`.

    Raises:
        UserError: if a row lacks a needed column, or no row can be rewarded.

    Example:
        >>> row = {"id": "q1", "question": "Who?", "passages": [{"text": "Winkler did."}], "answers": ["Winkler"]}
        >>> to_prompts([row])[0]["prompt"][0]["role"], to_prompts([row])[0]["answers"]
        ('user', ['Winkler'])
    """
    rows, _ = rewardable(given_rows(dataset, ASKED))
    made: Dataset = rows.map(
        lambda row: (
            {"prompt": _asked(row, tokenizer, PROMPTED)} | {name: row[name] for name in PROMPT_FEATURES if name in row}
        ),
        remove_columns=rows.column_names,
        features=PROMPT_FEATURES,
        load_from_cache_file=False,  # as in `to_trl`
    )
    return made


def _conversation(
    row: Mapping[str, Any], place: int, preference: bool, tokenizer: Any, answerer: Answerer
) -> dict[str, Any]:
    row = whole_row(row, place, TOLD)
    if row.get("kind"):
        raise UserError(
            f"row {row['id']!r} has the kind {row['kind']!r}, which is not a conversation",
            "train with SelfDemoTrainer",
        )
    said = {"completion": row["response"]}
    if preference:
        [rejected] = rejected_of(row)
        said = {"chosen": row["response"], "rejected": rejected.text}
    turns = {column: _turn("assistant", text, row, tokenizer) for column, text in said.items()}
    return {"id": row["id"], "prompt": _asked(row, tokenizer, answerer), **turns}


def _asked(row: Mapping[str, Any], tokenizer: Any, answerer: Answerer) -> list[Message]:
    asked = single_prompt(row["question"], evidence_of(row).passages, row["mode"], answerer)
    return [turn for message in asked for turn in _turn(message["role"], message["content"], row, tokenizer)]


def _turn(role: str, text: str, row: Mapping[str, Any], tokenizer: Any) -> list[Message]:
    text = take_apart(text, _MARKERS)
    return [{"role": role, "content": text if tokenizer is None else disarm(tokenizer, text, f"row {row['id']!r}")}]
