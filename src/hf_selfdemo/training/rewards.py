"""Rewards for reinforcement learning: a judge labels each reply, and the lambda score turns labels into numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.protocols import Generator, Judge, check_contract
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, FinishReason, Label, Reply, Request, Verdict
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.generation.thoughts import without_thoughts
from hf_selfdemo.methods.verdict_first import cut_verdict
from hf_selfdemo.scoring.abstention import lambda_score
from hf_selfdemo.training.given import JUDGED, JUDGED_BY_PASSAGES, whole_row

ABSTENTION_RATE, UNSCORED, WITHOUT_SPREAD = "abstention_rate", "unscored", "groups_without_spread"
"""Metrics that a reward logs beside those of TRL; all are shares."""


class AbstentionReward:
    """A reward function for TRL's `GRPOTrainer` (and `RLOOTrainer`), made from any judge and `lambda_score`.

    A correct reply gets 1, an abstention `abstain_value`, and an incorrect reply 0. An unscored reply gets None: TRL
    leaves it out of its group's mean and does not learn from it. So answering pays off where the model is correct with
    a probability above `abstain_value`, and abstaining pays off elsewhere. With 0.5 this is the ternary reward of
    TruthRL (Wei et al. 2025, arXiv 2509.25760), which gives 1, 0 and -1: an affine map of the reward does not change
    the advantages where TRL divides by the group's standard deviation (`scale_rewards="group"`, its default).

    The judge sees the dataset's columns `question` and `answers`, and also `passages` if it asks a model. Replies to
    one row are grouped by `id`, or by prompt if there is no such column. `answerable` says whether the corpus contains
    an answer; without it a row with accepted answers counts as answerable. An answerable row without accepted answers
    has no reward, because no reply is known to be correct. Thoughts, and the verdict of `verdict_first` replies, are
    removed before a reply is judged.

    Args:
        judge: labels the replies.
        abstain_value: reward of an abstention, from 0 (an incorrect answer) to 1 (a correct one).
        only_where_none_right: reward an abstention only if no reply of its group is correct, as BAPO does (arXiv
            2601.11037); otherwise it gets 0. If none is correct and some are unscored, it gets None.
        generator: the model for judges that ask one. Give a frozen model, never the one being trained, which would
            judge itself more and more kindly.
        stop_ids: ids of the tokens that end a turn. A reply whose `completion_ids` end in another token was truncated,
            and a model judge does not score it. Without `stop_ids` every reply counts as finished.

    Raises:
        UserError: if `judge` is not a judge or `abstain_value` is out of range; when called, if a column is missing or
            a row cannot be read.

    Relations: the functions in `trl.rewards` compare with one solution; none handles abstentions or unscored replies.
    The log has `abstention_rate` (of scored replies), `unscored` (of all replies), and `groups_without_spread` (of
    groups with a reward: the share that teaches nothing, because all its rewards are equal).

    Example:
        >>> from hf_selfdemo.judging.answer_match import AnswerMatchJudge
        >>> reward = AbstentionReward(AnswerMatchJudge(), abstain_value=0.4)
        >>> replies = ["Clemens Winkler did.", "I don't know.", "Bernard Courtois did.", ""]
        >>> reward(["Who discovered germanium?"] * 4, replies, question=["Who discovered germanium?"] * 4,
        ...        answers=[["Winkler"]] * 4)
        [1.0, 0.4, 0.0, None]
    """

    def __init__(
        self,
        judge: Judge,
        abstain_value: float = 0.5,
        only_where_none_right: bool = False,
        generator: Generator | None = None,
        stop_ids: Collection[int] = (),
    ) -> None:
        check_contract(judge, Judge, "judge")
        if generator is not None:
            check_contract(generator, Generator, "generator")
        lambda_score("abstain", abstain_value)
        self.judge = judge
        self.abstain_value = abstain_value
        self.only_where_none_right = only_where_none_right
        self.generator = generator
        self.stop_ids = frozenset(stop_ids)
        self.__name__ = "abstention_reward"  # TRL's log has it

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """The reward of each reply.

        Args:
            prompts: texts or conversations, one for each completion.
            completions: texts, or conversations that end with the reply.
            columns: columns of the dataset, with one value for each completion, and what TRL adds.
        """
        groups = _groups(prompts, columns.get("id"))
        labels: list[Label] = ["unscored"] * len(completions)
        dialogues = (self._judged(*self._group(places, completions, columns)) for places in groups)
        for places, verdicts in zip(groups, converse(dialogues, self.generator or _Nobody()), strict=True):
            for place, verdict in zip(places, verdicts, strict=True):
                labels[place] = verdict.label
        rewards = self._weighed(groups, labels)
        _log(groups, labels, rewards, columns)
        return rewards

    def _group(
        self, places: Sequence[int], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> tuple[Evidence, list[Candidate]]:
        """The row of a group of replies, and the replies as candidates."""
        needed = JUDGED if self.generator is None else JUDGED_BY_PASSAGES
        for name in needed:
            if name not in columns:
                raise UserError(f"the dataset has no column {name!r}, which the reward needs", "add this column")
        told = {name: values[places[0]] for name, values in columns.items() if name in _READ}
        row = {name: value for name, value in told.items() if value is not None}
        whole = whole_row(row if self.generator else {"passages": []} | row, places[0], needed)
        whole["answerable"] = bool(row.get("answerable", whole["answers"]))
        ids = columns.get("completion_ids") if self.stop_ids else None
        ends: list[FinishReason] = [
            "stop" if ids is None or (ids[i] and ids[i][-1] in self.stop_ids) else "length" for i in places
        ]
        texts = [cut_verdict(without_thoughts(_text(completions[i])))[1] for i in places]
        return evidence_of(whole), [Candidate(text, "rag", "rag", end) for text, end in zip(texts, ends, strict=True)]

    def _judged(self, evidence: Evidence, replies: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        if evidence.question.answerable and not evidence.question.answers:
            return [Verdict("unscored", "no accepted answer is known")] * len(replies)
        try:
            return (yield from self.judge.judge(evidence, replies))
        except CallFailed:
            return [Verdict("unscored", "a call failed")] * len(replies)

    def _weighed(self, groups: Sequence[Sequence[int]], labels: Sequence[Label]) -> list[float | None]:
        rewards = [lambda_score(label, self.abstain_value) for label in labels]
        if not self.only_where_none_right:
            return rewards
        for places in groups:
            found = {labels[place] for place in places}
            if found & {"correct", "unscored"}:
                for place in (place for place in places if labels[place] == "abstain"):
                    rewards[place] = 0.0 if "correct" in found else None
        return rewards


_READ = ("id", "question", "answers", "passages", "answerable", "answer_in_context", "gold_removed")
"""Columns that the judge's evidence is made from."""


class _Nobody:
    """A placeholder generator for judges that ask no model."""

    identity, concurrency = "nobody", 1

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        raise UserError(
            "the judge asks a model, but the reward has no generator",
            "give it one with a frozen model: generator=TransformersGenerator(model, tokenizer)",
        )


def _groups(prompts: Sequence[Any], ids: Sequence[Any] | None) -> list[list[int]]:
    """The positions of the replies to each row, in the order of the rows."""
    found: dict[str, list[int]] = {}
    for place, key in enumerate(prompts if ids is None else ids):
        found.setdefault(json.dumps(key, sort_keys=True, default=str), []).append(place)
    return list(found.values())


def _text(completion: Any) -> str:
    """The reply in a completion: a text, or the last turn of a conversation."""
    found = completion
    if isinstance(completion, list) and completion and isinstance(completion[-1], Mapping):
        found = completion[-1].get("content") or ""
    if not isinstance(found, str):
        raise UserError(f"a completion is of type {type(found).__name__}", "give texts, or conversations of texts")
    return found


def _log(
    groups: Sequence[Sequence[int]],
    labels: Sequence[Label],
    rewards: Sequence[float | None],
    columns: Mapping[str, Any],
) -> None:
    """Log the shares of this batch, and the label of each reply for TRL's table of completions."""
    tell, scored = columns.get("log_metric"), [label for label in labels if label != "unscored"]
    if tell is not None and labels:
        tell(UNSCORED, 1 - len(scored) / len(labels))
        if scored:
            tell(ABSTENTION_RATE, scored.count("abstain") / len(scored))
        known = [{rewards[place] for place in places} - {None} for places in groups]
        if rewarded := [values for values in known if values]:
            tell(WITHOUT_SPREAD, sum(len(values) == 1 for values in rewarded) / len(rewarded))
    if (table := columns.get("log_extra")) is not None:
        table("label", list(labels))
