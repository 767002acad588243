"""Every key of a recipe that is not TRL's own. A recipe is one flat YAML; each verb uses its part of it.

Dataclass -> YAML -> command line, in TrlParser's way: the YAML sets defaults, flags win. Model and LoRA keys are TRL's
`ModelConfig`, training keys are `SelfDemoConfig` (an `SFTConfig`). No two groups share a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class DataArguments:
    """Where questions and passages come from."""

    train_questions: list[str] = field(
        default_factory=lambda: ["embedded"],
        metadata={"help": "embedded, files (.jsonl .json .parquet, also .gz), dataset folders or Hub ids"},
    )
    test_questions: list[str] = field(
        default_factory=lambda: ["embedded"], metadata={"help": "as train_questions, for evaluation"}
    )
    train_split: str = field(default="train", metadata={"help": "split of train_questions, where there are splits"})
    test_split: str = field(default="test", metadata={"help": "split of test_questions, where there are splits"})
    dataset_config: str | None = field(default=None, metadata={"help": "configuration name of a Hub dataset"})
    dataset_revision: str | None = field(default=None, metadata={"help": "revision of a Hub dataset"})
    preset: str = field(
        default="open_qa", metadata={"help": "column map: open_qa, squad, squad_v2, nq_open, dpr or kilt"}
    )
    columns: list[str] = field(
        default_factory=list, metadata={"help": "role=column pairs over the preset, e.g. answers=answer.aliases"}
    )
    sources: list[str] = field(
        default_factory=list, metadata={"help": "keep only questions whose source column begins with one of these"}
    )
    train_corpus: str = field(
        default="embedded",
        metadata={"help": "passages to search; 'questions' takes those that came with the questions"},
    )
    test_corpus: str = field(default="embedded", metadata={"help": "as train_corpus, for evaluation"})
    max_train_questions: int = field(default=-1, metadata={"help": "answerable training questions; -1 for all"})
    max_train_unanswerable: int = field(default=-1, metadata={"help": "unanswerable training questions; -1 for all"})
    max_test_questions: int = field(default=-1, metadata={"help": "answerable test questions; -1 for all"})
    max_test_unanswerable: int = field(default=-1, metadata={"help": "unanswerable test questions; -1 for all"})
    data_seed_questions: int = field(default=0, metadata={"help": "seed of drawing questions"})


@dataclass
class RetrievalArguments:
    """What is shown with a question."""

    retriever: str = field(default="bm25", metadata={"help": "bm25, or given for passages that came with questions"})
    passages_per_question: int = field(default=4, metadata={"help": "passages shown; the paper has 4"})
    max_passage_words: int = field(default=100, metadata={"help": "cut passages after so many words; 0 keeps them"})
    index_dir: str | None = field(default=None, metadata={"help": "keep BM25 indexes here and reuse them"})
    train_twins: int = field(
        default=0, metadata={"help": "leave-gold-out twins to train on (answerable rows, answer masked); -1 for all"}
    )
    test_twins: int = field(default=0, metadata={"help": "leave-gold-out twins to evaluate on; -1 for all"})


@dataclass
class DemonstrateArguments:
    """How demonstrations are written and chosen. Defaults are the paper's where it has a value."""

    strategy: str = field(default="self_demo", metadata={"help": "self_demo, or the baseline ra_it"})
    judge: str = field(default="answer_match", metadata={"help": "answer_match"})
    rag_candidates: int = field(default=3, metadata={"help": "candidates written with the passages"})
    closed_book_candidates: int = field(default=3, metadata={"help": "candidates written without passages"})
    refusal_candidates: int = field(default=3, metadata={"help": "candidates that decline"})
    temperature: float = field(default=1.0, metadata={"help": "of candidate sampling"})
    greedy_first: bool = field(default=False, metadata={"help": "write the first candidate of each kind greedily"})
    max_candidate_tokens: int = field(default=32, metadata={"help": "longest candidate, in tokens"})
    abstain_when: str = field(
        default="nothing_right",
        metadata={"help": "nothing_right (the paper), or not_in_context: never where the passages hold the answer"},
    )
    max_abstain_share: float = field(
        default=0.5,
        metadata={"help": "largest share of abstentions among demonstrations; the rest is left out by seed"},
    )
    replay_share: float = field(
        default=0.0,
        metadata={
            "help": "closed-book rows with the model's own closed-book reply, per demonstration, against forgetting"
        },
    )
    on_policy_rows: int = field(default=32, metadata={"help": "rows measured for the on-policy figure; 0 for none"})
    generation_batch_size: int = field(default=36, metadata={"help": "rows decoded at once"})
    window: int = field(
        default=16, metadata={"help": "questions between two saves; a killed run repeats at most these"}
    )
    demonstrate_seed: int = field(default=0, metadata={"help": "seed of sampling and of every draw among candidates"})


@dataclass
class EvaluateArguments:
    """How models are compared."""

    evaluate_modes: list[str] = field(
        default_factory=lambda: ["rag", "closed_book"], metadata={"help": "with passages, without, or both"}
    )
    max_answer_tokens: int = field(default=32, metadata={"help": "longest reply, in tokens"})
    adapters: list[str] = field(
        default_factory=list,
        metadata={"help": "name=folder pairs of tuned models; default is the one trained in output_dir"},
    )
    predictions_shown: int = field(default=0, metadata={"help": "print so many example replies"})
