"""Prompt search: the model searches for the instruction with which it answers best (Finlayson et al. 2025, step 1).

In each round the model answers training examples with every prompt, scores its answers against the gold answers, and
criticises and rewrites the best prompts. In the end all prompts are ranked on examples that no round has used.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.protocols import Generator, check_contract
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, ZERO_OR_MORE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Dialogue, Evidence, Message, Mode, Reply, Request
from hf_selfdemo.methods.searched_prompts import ScoredPrompt, ranking, score_order
from hf_selfdemo.prompting.instructions import instructed_messages
from hf_selfdemo.prompting.preamble import without_preamble
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise

T = TypeVar("T")

DIGITS = tuple("123456789")
"""The model's scores, worst first."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The size of a search. Defaults are the paper's where it gives a value (arXiv 2502.10596, prompt optimisation).

    Args:
        train_examples: number of questions on which prompts are compared between rounds.
        eval_examples: number of other questions, on which all prompts are ranked in the end.
        shuffle_window: both are drawn from this number of questions at the beginning of the data.
        steps: number of rounds of rewriting; 0 only ranks the given prompts.
        topk: number of prompts rewritten in a round.
        beam_size: number of rewrites in a round; each prompt gets `beam_size // topk`, made from as many examples.
        answer_temperature: temperature of the answers.
        rewrite_temperature: temperature of the rewrites; scores and critiques are greedy.
        max_answer_tokens: longest answer, in tokens.
        max_critique_tokens: longest critique, in tokens.
        max_prompt_tokens: longest rewritten prompt, in tokens; truncated prompts are dropped.
        instructions_as_system: whether instructions are system turns instead of the end of the user turn.
        window: number of examples in flight.
        seed: seed of the draw of examples and of all sampling.

    Raises:
        UserError: if a number is out of range, naming the option.

    Example:
        >>> SearchSettings().samples
        2
    """

    train_examples: int = 30
    eval_examples: int = 30
    shuffle_window: int = 400
    steps: int = 5
    topk: int = 5
    beam_size: int = 12
    answer_temperature: float = 0.5
    rewrite_temperature: float = 1.0
    max_answer_tokens: int = 1000
    max_critique_tokens: int = 300
    max_prompt_tokens: int = 300
    instructions_as_system: bool = False
    window: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = ("train_examples", "eval_examples", "shuffle_window", "topk", "beam_size", "window")
        tokens = ("max_answer_tokens", "max_critique_tokens", "max_prompt_tokens")
        for one, keys in (
            (ONE_OR_MORE, (*sizes, *tokens)),
            (ZERO_OR_MORE, ("steps",)),
            (NOT_NEGATIVE, ("answer_temperature", "rewrite_temperature")),
        ):
            one.check(**{key: getattr(self, key) for key in keys})
        if self.beam_size < self.topk:
            raise UserError(f"beam_size is {self.beam_size}, below topk", f"set it to {self.topk} or more")

    @property
    def samples(self) -> int:
        """The number of rewrites of one prompt in a round, and of the examples they are made from."""
        return self.beam_size // self.topk


@dataclass(frozen=True, slots=True)
class Trial:
    """One example answered with one prompt; one object, so that a prediction always stays with its own passages."""

    evidence: Evidence
    prediction: str
    score: int | None


@dataclass(slots=True)
class _Prompt:
    """A prompt of the search; `number` is its index among all prompts."""

    text: str
    number: int
    round: int
    trials: list[Trial] = field(default_factory=list)


def search_prompts(
    evidence: Sequence[Evidence],
    generator: Generator,
    mode: Mode,
    start: Sequence[str],
    settings: SearchSettings | None = None,
    on_progress: Callable[[int], None] = lambda calls: None,
    figures: Counter[str] | None = None,
) -> list[ScoredPrompt]:
    """Search for the instruction with which the model answers best, with or without passages.

    The same evidence and settings make the same calls. With a generation cache (`RecordedGenerator`) an interrupted
    search therefore resumes where it stopped. Three things differ from the authors' release: an example always keeps
    its passages, the prompts of the last round are ranked with the others, and an answer whose score cannot be read is
    counted and left out of the mean instead of scoring 0.

    Args:
        evidence: questions with answers, from which examples are drawn; counterfactual twins are not used.
        generator: the model that answers, scores, criticises and rewrites.
        mode: "rag" shows the passages, "closed_book" does not.
        start: one or more instructions to start from.
        settings: the size of the search; the paper's by default.
        on_progress: called with the number of calls made since the last call; `most_calls` gives the maximum.
        figures: a counter for prompts, rewrites, dropped rewrites by reason, and unscored trials.

    Returns:
        All prompts, best first; those without a score last.

    Raises:
        UserError: if there are too few questions or no instruction to start from.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.core.types import Question
        >>> rows = [Evidence(Question(f"q{i}", f"What is {i}?", (str(i),))) for i in range(2)]
        >>> model = ScriptedGenerator(lambda request: "7" if request.choices else "It is 1.")
        >>> settings = SearchSettings(train_examples=1, eval_examples=1, steps=0)
        >>> search_prompts(rows, model, "closed_book", ["Be brief."], settings)[0].score
        7.0
    """
    check_contract(generator, Generator, "generator")
    settings = settings or SearchSettings()
    train, held_out = draw_examples(evidence, settings)
    if not all(text.strip() for text in start) or not start:
        raise UserError("prompt search has no start instruction, or an empty one", "give one or more instructions")
    search = _Search(generator, mode, settings, on_progress, Counter() if figures is None else figures)
    for text in start:
        search.add(text, 0)
    for number in range(1, settings.steps + 1):
        search.compare(train)
        search.rewrite(number)
    return search.rank(held_out)


def draw_examples(
    evidence: Iterable[Evidence], settings: SearchSettings
) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Draw training and held-out examples, the same for all modes. No question is in both, even with two ids.

    Raises:
        UserError: if there are too few questions with answers.
    """
    usable: dict[str, Evidence] = {}
    for row in evidence:
        if row.question.answers and row.question.answerable and not row.gold_removed:
            usable.setdefault(normalise(row.question.text), row)
    rows = list(usable.values())[: settings.shuffle_window]
    wanted = settings.train_examples + settings.eval_examples
    if len(rows) < wanted:
        raise UserError(
            f"prompt search needs {wanted} answerable questions with answers, but there are only {len(rows)}"
            f" (of at most shuffle_window {settings.shuffle_window})",
            "give it more questions, or lower train_examples or eval_examples",
        )
    drawn = random.Random(settings.seed).sample(rows, wanted)
    return tuple(drawn[: settings.train_examples]), tuple(drawn[settings.train_examples :])


def most_calls(settings: SearchSettings, start: int = 1) -> int:
    """The number of calls of a search from `start` prompts in which no rewrite is dropped.

    Example:
        >>> most_calls(SearchSettings())
        4156
    """
    prompts = new = start
    trials = chats = 0
    for _ in range(settings.steps):
        trials += new * settings.train_examples
        rewritten = min(prompts, settings.topk)
        chats += rewritten
        new = rewritten * settings.samples
        prompts += new
    trials += prompts * settings.eval_examples
    return 2 * trials + 2 * settings.samples * chats


class _Search:
    """The state of a search: all prompts so far, in the order in which they were written."""

    def __init__(
        self,
        generator: Generator,
        mode: Mode,
        settings: SearchSettings,
        on_progress: Callable[[int], None],
        figures: Counter[str],
    ) -> None:
        self.generator = generator
        self.mode = mode
        self.settings = settings
        self.on_progress = on_progress
        self.figures = figures
        self.prompts: dict[str, _Prompt] = {}  # by their words, so that whitespace makes no difference

    def add(self, text: str, number: int) -> None:
        """Add a prompt of round `number`, unless it exists already."""
        key = _words(text)
        if key not in self.prompts:
            self.prompts[key] = _Prompt(text.strip(), len(self.prompts), number)
            self.figures["prompts"] += 1

    def compare(self, train: Sequence[Evidence]) -> None:
        """Try the new prompts on the training examples; the others have been tried before."""
        new = [prompt for prompt in self.prompts.values() if not prompt.trials]
        for prompt, trials in zip(new, self._try(new, train), strict=True):
            prompt.trials = trials

    def rewrite(self, number: int) -> None:
        """Rewrite the best prompts so far."""
        best = sorted(self.prompts.values(), key=lambda p: score_order(_mean(p.trials), p.round))[: self.settings.topk]
        chats = [(prompt, shown) for prompt in best if (shown := _best_trials(prompt, self.settings.samples))]
        dialogues = (self._chat(prompt, shown, number) for prompt, shown in chats)
        for (_, shown), replies in zip(chats, self._converse(dialogues), strict=True):
            self.figures["rewrites"] += self.settings.samples
            if not replies:
                self.figures["dropped: call failed"] += self.settings.samples
            for reply in replies:
                self._admit(reply, shown, number)
            self.on_progress(len(shown) + self.settings.samples)

    def rank(self, held_out: Sequence[Evidence]) -> list[ScoredPrompt]:
        """Rank all prompts by their score on the held-out examples."""
        prompts = list(self.prompts.values())
        ranked = []
        for prompt, trials in zip(prompts, self._try(prompts, held_out), strict=True):
            scored = sum(trial.score is not None for trial in trials)
            counts = (scored, len(trials) - scored, prompt.round)
            ranked.append(ScoredPrompt(prompt.text, _mean(trials), *counts, _mean(prompt.trials)))
        return ranking(ranked)

    def _try(self, prompts: Sequence[_Prompt], examples: Sequence[Evidence]) -> list[list[Trial]]:
        """The trials of each prompt, one per example."""
        # example by example, so that all calls about an example run while the engine still caches its passages
        pairs = [(prompt, row) for row in examples for prompt in prompts]
        trials = []
        for trial in self._converse(self._trial(prompt, row) for prompt, row in pairs):
            trials.append(trial)
            self.figures["trials"] += 1
            self.figures["unscored"] += trial.score is None
            self.on_progress(2)
        return [trials[i :: len(prompts)] for i in range(len(prompts))]

    def _trial(self, prompt: _Prompt, row: Evidence) -> Dialogue[Trial]:
        """Answer, then score the answer. A failed call leaves the example unscored."""
        name = f"{row.id}/{self.mode}/prompt{prompt.number}"
        try:
            [answer] = yield [self._answer(f"{name}/answer", prompt, row)]
            prediction = answer.text.strip()
            [verdict] = yield [self._score(f"{name}/score", prediction, row)]
        except CallFailed:
            return Trial(row, "", None)
        return Trial(row, prediction, read_score(verdict.text))

    def _answer(self, name: str, prompt: _Prompt, row: Evidence) -> Request:
        as_system = self.settings.instructions_as_system
        return Request(
            id=name,
            messages=instructed_messages(self.mode, prompt.text, row, as_system),
            stage="search/answer",
            temperature=self.settings.answer_temperature,
            max_new_tokens=self.settings.max_answer_tokens,
            seed=self._seed(name),
            share="" if as_system else self._share(row),  # different system turns have no common prefix
        )

    def _score(self, name: str, prediction: str, row: Evidence) -> Request:
        return Request(
            id=name,
            messages=self._about("score", row, prediction=prediction),
            stage="search/score",
            max_new_tokens=16,  # for engines without choices, which generate instead
            choices=DIGITS,
            share=self._share(row),
        )

    def _chat(self, prompt: _Prompt, shown: Sequence[Trial], number: int) -> Dialogue[list[Reply]]:
        """One critique per example, then as many rewrites, in one conversation; an empty list if a call fails."""
        name, share = f"{self.mode}/prompt{prompt.number}/round{number}", self._share(shown[0].evidence)
        messages: tuple[Message, ...] = ()
        try:
            for i, trial in enumerate(shown):
                messages += self._about(
                    "critique", trial.evidence, instruction=prompt.text, prediction=trial.prediction
                )
                [critique] = yield [self._critique(f"{name}/critique{i}", messages, share)]
                messages += ({"role": "assistant", "content": critique.text},)
            messages += ({"role": "user", "content": fill("search/rewrite", instruction=prompt.text)},)
            samples = range(self.settings.samples)
            replies = yield [self._rewrite(f"{name}/rewrite{i}", messages, share) for i in samples]
        except CallFailed:
            return []
        return replies

    def _critique(self, name: str, messages: tuple[Message, ...], share: str) -> Request:
        tokens = self.settings.max_critique_tokens
        return Request(name, messages, "search/critique", max_new_tokens=tokens, share=share, keep=True)

    def _rewrite(self, name: str, messages: tuple[Message, ...], share: str) -> Request:
        temperature, tokens = self.settings.rewrite_temperature, self.settings.max_prompt_tokens
        return Request(name, messages, "search/rewrite", temperature, tokens, self._seed(name), share=share)

    def _admit(self, reply: Reply, shown: Sequence[Trial], number: int) -> None:
        """Add a rewritten prompt, or count the reason for dropping it."""
        text = strip_preamble(reply.text)
        if reply.finish_reason == "length":
            self.figures["dropped: cut off"] += 1
        elif not text:
            self.figures["dropped: empty"] += 1
        elif any(contains_answer(text, trial.evidence.question.answers) for trial in shown):
            self.figures["dropped: quotes an answer"] += 1
        elif _words(text) in self.prompts:
            self.figures["dropped: repeats a prompt"] += 1
        else:
            self.add(text, number)

    def _about(self, template: str, row: Evidence, **values: Any) -> tuple[Message, ...]:
        shown = row.passages if self.mode == "rag" else ()
        question, answers = row.question.text, row.question.answers
        text = fill(f"search/{template}", question=question, passages=shown, answers=answers, **values)
        return ({"role": "user", "content": text},)

    def _share(self, row: Evidence) -> str:
        return f"{row.id}/{'passages' if self.mode == 'rag' else 'closed_book'}"

    def _seed(self, name: str) -> int:
        return stable_seed(self.settings.seed, name)

    def _converse(self, dialogues: Iterable[Dialogue[T]]) -> Iterable[T]:
        return converse(dialogues, self.generator, self.settings.window)


_SCALE = re.compile(r"(?:/|\bout of)\s*9\b|\b1\s*(?:to|-|–)\s*9\b", re.IGNORECASE)
_MARKED = re.compile(r"\bscore\b\D{0,20}?([1-9])(?!\d|[.,]\d|\s*/|\s*out of)", re.IGNORECASE)
_DIGIT = re.compile(r"(?<![\d.,/-])([1-9])(?!\d|[.,]\d|\s*/|\s*out of)", re.IGNORECASE)


def read_score(text: str) -> int | None:
    """The score, 1 to 9, that a model chose or wrote; None if there is no digit or more than one.

    Example:
        >>> [read_score(text) for text in ("7", "Score: 7", "**7**/9", "7 or 8", "10", "8/10", "good")]
        [7, 7, 7, None, None, None, None]
    """
    text = _SCALE.sub(" ", text.replace("*", ""))
    found = set(_MARKED.findall(text)) or set(_DIGIT.findall(text))
    return int(found.pop()) if len(found) == 1 else None


_LABEL = re.compile(r"^\W*(?:(?:new|better|improved|revised) )?instruction:[*\s]*", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“]([^\"“”]*)[\"”]")


def strip_preamble(text: str) -> str:
    """A rewritten prompt without a preamble such as "Here is the new instruction:" and without quotation marks.

    Example:
        >>> strip_preamble('Here is a better one:\\n\\n"Answer in a word."')
        'Answer in a word.'
    """
    text = _LABEL.sub("", without_preamble(text)).strip()
    quoted = _QUOTED.fullmatch(text)
    return quoted.group(1).strip() if quoted else text


def _best_trials(prompt: _Prompt, count: int) -> list[Trial]:
    scored = [(trial.score, trial) for trial in prompt.trials if trial.score is not None]
    return [trial for _, trial in sorted(scored, key=lambda pair: -pair[0])[:count]]


def _mean(trials: Sequence[Trial]) -> float | None:
    scores = [trial.score for trial in trials if trial.score is not None]
    return sum(scores) / len(scores) if scores else None


def _words(text: str) -> str:
    return " ".join(text.split())
