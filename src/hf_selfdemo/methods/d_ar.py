"""D-AR (Saito et al. 2024, arXiv 2402.12170): training on documents with noisy input, and on answers without noise.

After plain training on a document, a model recalls its beginning and little else. With noise in the text before a
sentence, the model must learn the sentence independently of that text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import SHARE_BELOW_ONE, check_keys
from hf_selfdemo.core.types import Candidate, Demonstration, Dialogue, Evidence, Segment, Skip, Verdict
from hf_selfdemo.data.documents.rows import DOCUMENT, is_document
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.shares import KeepsAll


@dataclass(frozen=True)
class Noise:
    """The option for the noise.

    Raises:
        UserError: if `noise_ratio` is not a share below one.
    """

    noise_ratio: float = key(
        0.2,
        "share of the tokens of a document that are replaced, again in every epoch; the paper's R",
        "kept",
        SHARE_BELOW_ONE,
    )

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class DAr(KeepsAll):
    """Trains on every passage of the corpus after its title, and on every question with its answer, closed-book.

    Titles, questions and answers never have noise, because in the paper noise on them costs what it gains.

    Args:
        noise: the option for the noise.
        seed: unused; the collator draws the noise.

    Relations: `RaIt` trains on answers with passages. With `noise_ratio` 0 this is plain training on the same rows.

    Example:
        >>> from hf_selfdemo.core.types import Passage
        >>> from hf_selfdemo.data.documents.rows import document_row
        >>> [made] = DAr().select(document_row(Passage("1", "Oil it weekly.", "Pumps")), [], [])
        >>> [(segment.text, segment.loss, segment.noise) for segment in made.segments]
        [('Pumps: ', False, 0.0), ('Oil it weekly.', True, 0.2)]
    """

    noise: Noise = field(default_factory=Noise)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        return []
        yield  # never reached: a dialogue that asks nothing

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if is_document(evidence):
            [passage] = evidence.passages
            body = Segment(passage.text, noise=self.noise.noise_ratio)
            segments = (Segment(f"{passage.title}: ", loss=False), body) if passage.title else (body,)
            return [
                Demonstration(
                    evidence, passage.text, "answer", "gold", kind="document", segments=segments, group=DOCUMENT
                )
            ]
        if evidence.gold_removed or not evidence.question.answers or not evidence.question.answerable:
            return Skip("no gold answer to train on")
        bare = replace(evidence, passages=(), answer_in_context=False)
        return [Demonstration(bare, evidence.question.answers[0], "answer", "gold", mode="closed_book")]


METHOD = Method(
    strategy=DAr,
    keys=(Noise,),
    objectives=("sft",),
    rows="passages of the corpus with noise on the input, and gold answers without passages",
    reads_documents=True,
    asks=False,
)
