"""Demonstrations as TRL's own trainers read them, for whoever trains with nothing but `SFTTrainer` or `DPOTrainer`."""

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
"""What chat templates mark turns with. Who will train is not known here, so that it cannot be asked of a tokenizer."""


def to_trl(
    dataset: Dataset | Sequence[Mapping[str, Any]],
    preference: bool = False,
    tokenizer: Any = None,
    answerer: Answerer = PROMPTED,
) -> Dataset:
    """Rows of `demonstrate` as conversations: what the model is asked, and what it is to say.

    Prompts are those that `SelfDemoTrainer` shows for a plain row: all passages as retrieved, or none in a closed-book
    row. Nothing is cut and nothing changes from epoch to epoch; that needs the structured rows. Turn markers of the
    usual chat templates are taken apart in every text, so that no passage can close a turn where a stock trainer puts
    it into its template.

    Args:
        dataset: demonstrations, or rows (a list, too) with at least question, passages and response; what else
            `rows.FEATURES` has is filled in.
        preference: the pairs, a row each (`pair_rows`), as `prompt`, `chosen` and `rejected`; otherwise all rows, as
            `prompt` and `completion`.
        tokenizer: of the model to be trained, if it is known: its own control tokens are taken apart, too.
        answerer: whose prompts these are, for a method that asks in its own way.

    Returns:
        A dataset for `SFTTrainer`, or with `preference` for `DPOTrainer`.

    Raises:
        UserError: if these are not demonstrations, a row lacks what is needed, or no row holds a pair and pairs are
            wanted.

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
            f"this is not a dataset of demonstrations: it lacks {', '.join(sorted(absent))}",
            "give what `demonstrate` returns, or load_dataset of its train.parquet",
        )
    if preference:
        told = rows.select_columns(sorted({"mode", "rejected", "response"} & {*rows.column_names}))
        kept = [i for i, row in enumerate(told) if not no_pair(row)]
        if not kept:
            raise UserError(f"none of {len(rows)} rows holds a pair", "demonstrate with another pair_policy")
        rows = pair_rows(rows.select(kept))
    made: Dataset = rows.map(
        _conversation,
        with_indices=True,
        fn_kwargs={"preference": preference, "tokenizer": tokenizer, "answerer": answerer},
        remove_columns=rows.column_names,
        features=PREFERENCE_FEATURES if preference else SFT_FEATURES,
        load_from_cache_file=False,  # the templates' texts, which the cache does not know of, may have changed
    )
    return made


def to_prompts(dataset: Dataset | Sequence[Mapping[str, Any]], tokenizer: Any = None) -> Dataset:
    """What the model is asked, with all that a reward is made of: rows for TRL's `GRPOTrainer` and `AbstentionReward`.

    A question is there once, whatever was demonstrated of it; rows for which no reward can be known are left out
    (`rewardable`). Prompts are as in `to_trl`.

    Args:
        dataset: demonstrations, or rows (a list, too) with at least id, question, passages and answers.
        tokenizer: as in `to_trl`.

    Raises:
        UserError: if a row lacks what is needed, or none has a reward.

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
            f"row {row['id']!r} is of the kind {row['kind']!r}, which is not a conversation",
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
