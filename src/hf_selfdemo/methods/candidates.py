"""Candidates of self-demonstration: the model writes answers with passages, answers without, and abstentions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, REFUSAL_PROMPTS, ZERO_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Message, Reply, Request, Source
from hf_selfdemo.prompting.instructions import instructed_messages
from hf_selfdemo.prompting.preamble import without_preamble
from hf_selfdemo.prompting.prompts import fill, render

PROMPTS = 3
"""Number of prompts of each kind (`candidates/rag_1.txt` to `rag_3.txt`, and so on). Candidates use them in turn."""


@dataclass(frozen=True)
class Sampling:
    """Options for writing candidates.

    Raises:
        UserError: for a number out of range.
    """

    rag_candidates: int = key(3, "number of candidates written with the passages", "written", ZERO_OR_MORE)
    closed_book_candidates: int = key(3, "number of candidates written without passages", "written", ZERO_OR_MORE)
    refusal_candidates: int = key(3, "number of candidates that abstain", "written", ZERO_OR_MORE)
    refusal_prompts: int = key(
        PROMPTS,
        "number of different prompts for refusal_candidates, up to 3; the paper uses 1",
        "written",
        REFUSAL_PROMPTS,
    )
    further_refusals: int = key(
        0,
        "number of further tries, in plainer words, if a row needs an abstention and no candidate is one",
        "written",
        ZERO_OR_MORE,
    )
    temperature: float = key(1.0, "temperature of the candidates", "written", NOT_NEGATIVE)
    greedy_first: bool = key(False, "write the first candidate of each kind greedily", "written")
    max_candidate_tokens: int = key(1000, "longest candidate, in tokens", "written", ONE_OR_MORE)
    summarise: bool = key(
        False, "answer first, then summarise the answer (the paper); not needed for short answers", "written"
    )
    instructions_as_system: bool = key(
        False, "put searched prompts into the system turn (the paper) instead of after the question", "written"
    )

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class Writer:
    """Asks the model for the candidates of a row.

    Args:
        sampling: options for writing candidates.
        instructions: wordings found by prompt search, by source; without them the templates' own are used.
        seed: seed of everything sampled.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> requests = next(Writer(Sampling(1, 0, 1)).write(Evidence(Question("q1", "Who?", ("Winkler",)))))
        >>> [request.id for request in requests]
        ['q1/rag/0', 'q1/refusal/0']
    """

    sampling: Sampling = field(default_factory=Sampling)
    instructions: Mapping[Source, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        """Write all candidates of a row.

        Args:
            evidence: the row.
        """
        return (yield from self._written(list(self._requests(evidence))))

    def write_further_refusal(self, evidence: Evidence, number: int) -> Dialogue[list[Candidate]]:
        """Write one more abstention with another prompt, if the first ones were not read as abstentions.

        Args:
            evidence: the row.
            number: number of further abstentions written before.
        """
        name = f"candidates/further_refusal_{number % PROMPTS + 1}"
        identifier = f"{evidence.id}/further_refusal/{number}"
        messages = render(name, evidence.question.text, evidence.passages)
        request = self._request(evidence, "refusal", identifier, messages, self.sampling.temperature)
        return (yield from self._written([(("refusal", name), request)]))

    def _written(self, asked: Sequence[tuple[tuple[Source, str], Request]]) -> Dialogue[list[Candidate]]:
        if not asked:
            return []
        requests = [request for _, request in asked]
        replies = yield requests
        if self.sampling.summarise:
            replies = yield from self._summaries(requests, replies)
        return [
            Candidate(reply.text, source, prompt, reply.finish_reason)
            for ((source, prompt), _), reply in zip(asked, replies, strict=True)
        ]

    def _requests(self, evidence: Evidence) -> Iterator[tuple[tuple[Source, str], Request]]:
        counts: dict[Source, int] = {
            "rag": self.sampling.rag_candidates,
            "closed_book": self.sampling.closed_book_candidates,
            "refusal": self.sampling.refusal_candidates,
        }
        for source, count in counts.items():
            if source != "refusal" and not evidence.question.answers:
                continue
            for i in range(count):
                prompt, messages = self._prompt(source, i, evidence)
                identifier = f"{evidence.id}/{source}/{i}"
                temperature = 0.0 if self.sampling.greedy_first and i == 0 else self.sampling.temperature
                yield (source, prompt), self._request(evidence, source, identifier, messages, temperature)

    def _request(
        self, evidence: Evidence, source: Source, identifier: str, messages: tuple[Message, ...], temperature: float
    ) -> Request:
        return Request(
            id=identifier,
            messages=messages,
            stage=source,
            temperature=temperature,
            max_new_tokens=self.sampling.max_candidate_tokens,
            seed=stable_seed(self.seed, identifier),
            share=f"{evidence.id}/{'closed_book' if source == 'closed_book' else 'passages'}",
            keep=self.sampling.summarise,
        )

    def _prompt(self, source: Source, i: int, evidence: Evidence) -> tuple[str, tuple[Message, ...]]:
        """The name and the messages of the i-th prompt of a kind."""
        found = self.instructions.get(source, ())
        if found:
            n = i % len(found)
            return f"search/{source}_{n + 1}", instructed_messages(
                source, found[n], evidence, self.sampling.instructions_as_system
            )
        prompts = self.sampling.refusal_prompts if source == "refusal" else PROMPTS
        name = f"candidates/{source}_{i % prompts + 1}"
        shown = () if source == "closed_book" else evidence.passages
        return name, render(name, evidence.question.text, shown)

    def _summaries(self, requests: Sequence[Request], drafts: Sequence[Reply]) -> Dialogue[list[Reply]]:
        """Ask for a summary of each draft in a second turn; truncated drafts are not summarised."""
        whole = [i for i, draft in enumerate(drafts) if draft.finish_reason == "stop" and draft.text]
        if not whole:
            return list(drafts)
        again = ({"role": "user", "content": fill("candidates/summarise")},)
        replies = yield [
            replace(
                requests[i],
                id=f"{requests[i].id}/summary",
                messages=(*requests[i].messages, {"role": "assistant", "content": drafts[i].text}, *again),
                stage="summary",
                seed=stable_seed(self.seed, f"{requests[i].id}/summary"),
                keep=False,
            )
            for i in whole
        ]
        summaries = dict(zip(whole, replies, strict=True))
        return [
            replace(summaries[i], text=without_preamble(summaries[i].text)) if i in summaries else draft
            for i, draft in enumerate(drafts)
        ]
