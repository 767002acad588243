"""Sessions in GRPO: attempt, critique, attempt and so on, with a loss only on what the model wrote.

TRL calls a rollout function with the prompts of a batch, each repeated `num_generations` times, and takes its results
as completions. Here a completion is a whole session: the token ids of all attempts and of the critiques between them.
Attempts are not decoded and encoded again, because that sometimes gives other ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.generation.thoughts import without_thoughts
from hf_selfdemo.methods.corgi import Session, Sessions
from hf_selfdemo.prompting.chat import stop_token_id
from hf_selfdemo.prompting.next_turn import encode_next_turn
from hf_selfdemo.scoring.refusal import is_refusal
from hf_selfdemo.training.decisive import OF_JUDGES
from hf_selfdemo.training.rewards import ABSTENTION_RATE


@dataclass
class Rollout:
    """A session with the token ids after its prompt; `mask` is 1 where the model wrote them."""

    session: Session
    prompt: list[int]
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)

    def write(self, written: Sequence[int]) -> None:
        """Append the ids of an attempt, with its stop token if it has one."""
        self.ids += written
        self.mask += [1] * len(written)

    def tell(self, feedback: Sequence[int]) -> None:
        """Append the ids of a critique."""
        self.ids += feedback
        self.mask += [0] * len(feedback)


@dataclass
class SessionRollout:
    """TRL's `rollout_func`: one session for each prompt; the n-th attempts of all sessions form one batch.

    An attempt that was truncated at `max_completion_length` gets the template's stop token, without a loss, as at
    inference.

    Args:
        sessions: the critics, and the number of attempts.
        evidence: the rows of the next batch with the passages that are shown, one for each prompt.
    """

    sessions: Sessions
    evidence: Sequence[Evidence] = ()

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """`prompt_ids`, `completion_ids` and `env_mask` (1 where the model wrote), and each row's `session`."""
        asked = zip(self.evidence, trainer._tokenize_prompts(prompts)[0], strict=True)
        found = [Rollout(Session(row, self.sessions.critics, self.sessions.attempts), ids) for row, ids in asked]
        going = found
        while _any(trainer, going):
            batch = going or found[:1]  # with sharded weights every process must generate until all are done
            written, _ = trainer._generate_single_turn([one.prompt + one.ids for one in batch], None, {}, 1)
            attempts = zip(going, written if going else (), strict=True)
            going = [one for one, ids in attempts if self._goes_on(one, ids, trainer)]
        return {
            "prompt_ids": [one.prompt for one in found],
            "completion_ids": [one.ids for one in found],
            "env_mask": [one.mask for one in found],
            "logprobs": None,
            "session": [one.session for one in found],
        }

    def _goes_on(self, rollout: Rollout, written: Sequence[int], trainer: Any) -> bool:
        """Add an attempt to its session; return whether another one follows."""
        rollout.write(written)
        tokenizer, ended = trainer.processing_class, written[-1] in trainer.eos_token_ids
        text = without_thoughts(tokenizer.decode(written, skip_special_tokens=True).strip())
        feedback = rollout.session.take(text, "stop" if ended else "length")
        if feedback:
            stopped = written[-1] == stop_token_id(tokenizer)
            name = f"the critique of row {rollout.session.evidence.id!r}"
            rollout.tell(feedback_ids(tokenizer, feedback, self.sessions.max_feedback_tokens, stopped, name))
        return bool(feedback)


def feedback_ids(tokenizer: Any, text: str, longest: int, stopped: bool, name: str) -> list[int]:
    """The token ids of a critique's turn; a critique that is too long loses its last words.

    Args:
        tokenizer: a tokenizer with a chat template.
        text: the critique.
        longest: maximum length of the turn in tokens, including the tokens of the template.
        stopped: whether the reply before it ends with the stop token.
        name: name of the critique in messages.

    Raises:
        UserError: if the template's own tokens alone are too many.
    """
    words = text.split(" ")
    while len(ids := encode_next_turn(tokenizer, " ".join(words), stopped, name)) > longest:
        if not words:
            raise UserError(
                f"max_feedback_tokens is {longest}, but the chat template alone needs {len(ids)} tokens",
                "raise max_feedback_tokens",
            )
        words.pop()
    return ids


class SessionReward:
    """A reward function for sessions: the score of the best attempt.

    The log has `satisfied_by_1`, `satisfied_by_2` and so on (share of sessions that satisfied all critics by that
    attempt), `attempts` (mean), and `abstention_rate` (share of best attempts that abstain).

    Args:
        attempts: maximum number of attempts in a session.
    """

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        self.__name__ = "session_reward"  # TRL's log has it

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], session: Sequence[Session], **columns: Any
    ) -> list[float]:
        """The reward of each session.

        Args:
            prompts: ignored.
            completions: ignored.
            session: the session of each completion.
            columns: columns of the dataset, and what TRL adds.
        """
        if (tell := columns.get("log_metric")) is not None and session:
            for name, value in session_figures(session, self.attempts).items():
                tell(name, value)
        return [one.score for one in session]


def session_figures(sessions: Sequence[Session], attempts: int) -> dict[str, float]:
    """The metrics of a batch of sessions for the log; all but `attempts` are shares."""
    count = len(sessions)
    by = {
        f"satisfied_by_{n}": sum(0 < one.satisfied_at <= n for one in sessions) / count for n in range(1, attempts + 1)
    }
    declined = sum(is_refusal(one.best.text, one.evidence.question.text) for one in sessions)
    return by | {"attempts": sum(len(one.made) for one in sessions) / count, ABSTENTION_RATE: declined / count}


def check_sessions(sessions: Sessions, args: Any, tokenizer: Any, rows: Iterable[Evidence]) -> None:
    """Reject, before the first step, options and critics that would fail during training.

    Every critic is tried on every row, with the gold answer, an abstention and an arbitrary text as replies.

    Args:
        sessions: the sessions of the training.
        args: the training configuration.
        tokenizer: a tokenizer with a chat template.
        rows: the rows that are asked.

    Raises:
        UserError: naming the option, or the critic and the row.
    """
    usual = {f.name: f.default for f in type(args).__dataclass_fields__.values()}
    for name in OF_JUDGES:
        if getattr(args, name) != usual[name]:
            raise UserError(
                f"{name} is {getattr(args, name)!r}, but it has no effect when critics give the rewards", "remove it"
            )
    if args.use_vllm:
        raise UserError("use_vllm does not work with sessions", "remove it")
    feedback_ids(tokenizer, "", sessions.max_feedback_tokens, False, "a critique")
    room = sessions.room(args.max_completion_length)
    if args.max_length is not None and room >= args.max_length:
        raise UserError(
            f"a session with {sessions.attempts} attempts may need {room} tokens after its prompt, but max_length is "
            f"{args.max_length}",
            "lower attempts, max_completion_length or max_feedback_tokens, or raise max_length",
        )
    for row in rows:
        for text in (*row.question.answers[:1], "I don't know.", "It was Ada Storm, in 1886 [1]."):
            sessions.critics.critique(row, text)


def _any(trainer: Any, going: Sequence[Rollout]) -> bool:
    """Whether any process has an unfinished session."""
    count = torch.tensor([len(going)], device=trainer.accelerator.device)
    return bool(trainer.accelerator.gather(count).sum() > 0)
