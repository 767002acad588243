"""Rewards for reinforcement learning: what a judge says of a reply, weighed by the lambda score."""

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
"""Figures that a reward logs beside those of TRL; all are shares."""


class AbstentionReward:
    """A reward function for TRL's `GRPOTrainer` (and `RLOOTrainer`), made of any judge and `lambda_score`.

    A correct reply gets 1, an abstention `abstain_value`, an incorrect reply 0, and one that nobody could score None:
    TRL leaves it out of its group's mean and does not learn from it. So the model gains by answering where it is right
    with a chance above `abstain_value`, and by abstaining elsewhere. With 0.5 this is the ternary reward of TruthRL
    (Wei et al. 2025, arXiv 2509.25760), which gives 1, 0 and -1: an affine map of the reward changes no advantage where
    TRL divides by the group's standard deviation (`scale_rewards="group"`, its default).

    Everything the judge sees comes from the dataset's columns: `question` and `answers`, and for a judge that asks a
    model `passages` too. `id` groups the replies to one row; without it they are grouped by prompt. `answerable` says
    whether the corpus holds an answer; without it a row with accepted answers counts as answerable. A row that is
    answerable and has no accepted answer has no reward: nothing is known to be right there. Thoughts, and the word of
    `verdict_first` replies, are cut before a reply is judged.

    Args:
        judge: gives the labels.
        abstain_value: of an abstention, from 0 (an error) to 1 (a correct answer).
        only_where_none_right: reward an abstention only where no reply of its group is correct, as BAPO does (arXiv
            2601.11037); elsewhere it gets 0. Where none is correct and some are unscored, it gets None.
        generator: asked by judges that ask a model. Give a frozen model, never the one that is trained: it would judge
            itself ever more kindly.
        stop_ids: ids of the tokens that end a turn. A reply whose `completion_ids` end in another token was cut off,
            and a judging model does not score it. Without them every reply counts as finished.

    Raises:
        UserError: if the judge is none, or `abstain_value` is out of range; when called, for a column that is missing
            or a row that cannot be read.

    Relations: `trl.rewards` has functions that compare with one solution; none abstains or tells unscored replies
    apart. In the log: `abstention_rate` (over scored replies), `unscored` (over all), and `groups_without_spread` (over
    groups with a reward: the share that teaches nothing, since all its rewards are equal).

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
            columns: those of the dataset, a value for each completion, and what TRL adds.
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
        """The row that a group of replies is to, and the replies."""
        needed = JUDGED if self.generator is None else JUDGED_BY_PASSAGES
        for name in needed:
            if name not in columns:
                raise UserError(f"the dataset has no column {name!r}, which the reward needs", "add it")
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
            return [Verdict("unscored", "nothing is known to be right")] * len(replies)
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
"""Columns that evidence is made of."""


class _Nobody:
    """In the place of a generator, for judges that ask no model."""

    identity, concurrency = "nobody", 1

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        raise UserError(
            "the judge asks a model and the reward has no generator",
            "give it one of a frozen model: generator=TransformersGenerator(model, tokenizer)",
        )


def _groups(prompts: Sequence[Any], ids: Sequence[Any] | None) -> list[list[int]]:
    """Places of the replies to one row, in the order in which the rows come."""
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
        raise UserError(f"a completion is a {type(found).__name__}", "give texts, or conversations of texts")
    return found


def _log(
    groups: Sequence[Sequence[int]],
    labels: Sequence[Label],
    rewards: Sequence[float | None],
    columns: Mapping[str, Any],
) -> None:
    """Tell TRL the shares of this batch, and the label of each reply for its table of completions."""
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
