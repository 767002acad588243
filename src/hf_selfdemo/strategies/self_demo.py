"""Self-demonstration (Finlayson et al. 2025, arXiv 2502.10596): the model's own best words are the target."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.prompts import render
from hf_selfdemo.seeding import stable_seed
from hf_selfdemo.types import Candidate, Demonstration, Evidence, Request, Skip, Source, Verdict

PROMPTS = 3
"""How many prompts there are of each kind (`demo_rag_1.txt` to `demo_rag_3.txt`, and so on); candidates cycle."""


class SelfDemo:
    """Asks for closed-book, with-passages and refusal candidates and picks one by their verdicts.

    The winner is a correct with-passages candidate, else a correct closed-book one, the shortest first; else, where
    `abstain_when` allows, a refusal the model wrote itself. Replies cut off by length never win: they would teach the
    model not to stop. Rows about which nothing is known to be right are only asked for refusals.

    Args:
        rag_candidates: how many are written with the passages. The paper has 3 of each kind.
        closed_book_candidates: how many without.
        refusal_candidates: how many that decline.
        temperature: of sampling; the paper has 1.0. With `greedy_first` the first candidate of a kind is greedy.
        greedy_first: write the first candidate of each kind greedily.
        max_new_tokens: longest candidate, in tokens.
        abstain_when: "nothing_right" is the paper's rule: any row without a correct candidate becomes an abstention.
            "not_in_context" keeps only those whose passages do not hold the answer, since a weak model fails most
            rows, and would be taught to refuse everything.
        seed: of everything sampled.

    Relations: `RaIt` trains on the gold answer instead.
    """

    def __init__(
        self,
        rag_candidates: int = 3,
        closed_book_candidates: int = 3,
        refusal_candidates: int = 3,
        temperature: float = 1.0,
        greedy_first: bool = False,
        max_new_tokens: int = 32,
        abstain_when: str = "nothing_right",
        seed: int = 0,
    ) -> None:
        if abstain_when not in ("nothing_right", "not_in_context"):
            raise ValueError(f"abstain_when is 'nothing_right' or 'not_in_context', not {abstain_when!r}")
        self.counts: dict[Source, int] = {
            "rag": rag_candidates,
            "closed_book": closed_book_candidates,
            "refusal": refusal_candidates,
        }
        self.temperature = temperature
        self.greedy_first = greedy_first
        self.max_new_tokens = max_new_tokens
        self.abstain_when = abstain_when
        self.seed = seed

    def requests(self, evidence: Evidence) -> list[Request]:
        requests = []
        for source, count in self.counts.items():
            if source != "refusal" and not evidence.question.answers:
                continue
            shown = () if source == "closed_book" else evidence.passages
            for i in range(count):
                prompt = f"demo_{source}_{i % PROMPTS + 1}"
                identifier = f"{evidence.id}/{source}/{i}"
                greedy = self.greedy_first and i == 0
                requests.append(
                    Request(
                        id=identifier,
                        messages=render(prompt, evidence.question.text, shown),
                        source=source,
                        prompt=prompt,
                        temperature=0.0 if greedy else self.temperature,
                        max_new_tokens=self.max_new_tokens,
                        seed=stable_seed(self.seed, identifier),
                        share=f"{evidence.id}/{'closed_book' if source == 'closed_book' else 'passages'}",
                    )
                )
        return requests

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Demonstration | Skip:
        finished = [(c, v) for c, v in zip(candidates, verdicts, strict=True) if c.finish_reason == "stop"]
        wrong = [c for c, v in finished if v.label == "incorrect"]
        refusals = [c for c, v in finished if v.label == "abstain" and c.source == "refusal"]
        for source in ("rag", "closed_book", "refusal"):  # asked to decline, a model may still give the answer
            right = [c for c, v in finished if v.label == "correct" and c.source == source]
            if right:
                best = min(right, key=lambda c: len(c.text))
                rejected = self._pick(evidence, wrong or refusals)
                return Demonstration(evidence, best.text, "answer", source, rejected.text if rejected else "")
        if self.abstain_when == "not_in_context" and evidence.answer_in_context:
            return Skip("nothing right although the passages hold the answer")
        refusal = self._pick(evidence, refusals)
        if refusal is None:
            return Skip("nothing right and no refusal that reads as one")
        rejected = self._pick(evidence, [c for c in wrong if c.source != "refusal"])
        return Demonstration(evidence, refusal.text, "abstain", "refusal", rejected.text if rejected else "")

    def _pick(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Candidate | None:
        """One of several, by seed: a single canned refusal is learnt in a few steps and then said everywhere."""
        texts = sorted(candidates, key=lambda c: (c.text, c.prompt))
        return texts[stable_seed(self.seed, evidence.id) % len(texts)] if texts else None
