"""The types of the files that this package writes and reads again, for all keys that the package reads.

Most keys are optional, since earlier versions and the library wrote fewer of them than the commands. A reader names the
keys that it needs (`manifest.read_json`). Every key that is present must have the type given here.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from hf_selfdemo.core.types import Mode


class Calls(TypedDict, total=False):
    """The cost of calls."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    by_stage: dict[str, Any]


class Model(TypedDict):
    """The model that wrote demonstrations."""

    name: str
    fingerprint: NotRequired[str]
    dtype: NotRequired[str]


class DemonstrateSettings(TypedDict, total=False):
    """Settings that affect the candidates."""

    method: str


class Selection(TypedDict, total=False):
    """Settings that affect which candidates are kept."""

    judge: str


_Hash = TypedDict("_Hash", {"train.parquet": str, "candidates.jsonl": str, "skipped.jsonl": str}, total=False)


class Demonstrations(_Hash, total=False):
    """`demonstrations/manifest.json`."""

    rows_in: int
    demonstrations: int
    unverified_winner_rate: float | None
    outcomes: dict[str, int]
    skipped: dict[str, int]
    candidate_labels: dict[str, int]
    winners: dict[str, int]
    pairs: dict[str, int]
    pairs_left_out: dict[str, int]
    judge: dict[str, Any]
    model: Model
    settings: DemonstrateSettings
    selection: Selection
    usage: Calls
    reused: Calls
    retrieval: dict[str, Any]
    recall: dict[str, float]
    on_policy: dict[str, float | None]
    versions: dict[str, str]


class TrainSettings(TypedDict, total=False):
    """Settings that affect the trained weights."""

    base: str
    data: str
    objective: str
    seed: int


class Hashes(TypedDict, total=False):
    """The hashes of files in the folder of a manifest."""

    files: dict[str, str]


class DocumentsMade(Hashes, total=False):
    """`documents/manifest.json`."""

    settings: dict[str, Any]
    said: list[str]


class QuestionsMade(Hashes, total=False):
    """`documents/questions.json`."""

    settings: dict[str, Any]
    written: int
    kept: dict[str, int]
    dropped: dict[str, int]


class Training(Hashes, total=False):
    """`model/manifest.json`."""

    base: str
    dtype: str
    start_from: str
    processes: int
    rows_trained: int
    pairs_trained: int
    settings: TrainSettings
    metrics: dict[str, float]
    preflight: dict[str, Any]
    left_out: dict[str, Any]
    on_policy: dict[str, dict[str, float]]
    dev: list[dict[str, Any]]
    best: dict[str, Any]
    judge: dict[str, Any]
    usage: Calls
    reused: Calls
    log: list[dict[str, Any]]
    versions: dict[str, str]


class SentencePrompts(TypedDict, total=False):
    """`retriever/config_sentence_transformers.json`."""

    prompts: dict[str, str]


class SentenceShape(TypedDict, total=False):
    """`retriever/sentence_bert_config.json`."""

    max_seq_length: int


class MethodRecord(TypedDict):
    """`model/method.json`."""

    method: str
    keys: dict[str, Any]


class OpeningsRecord(TypedDict, total=False):
    """`model/openings.json`."""

    openings: list[str]
    covered: int
    refusals: int


class GateRecord(TypedDict):
    """A gate: the edges of its bins, the types of questions, and by state its values and numbers of questions seen."""

    confidence: list[float]
    score: list[float]
    types: list[str]
    values: dict[str, float]
    seen: dict[str, int]


class GateFile(TypedDict):
    """`gate.json`."""

    settings: dict[str, Any]
    gate: GateRecord


class MixRecord(TypedDict):
    """A logistic regression over signals."""

    weights: dict[str, float]
    intercept: float


class BoundRecord(TypedDict):
    """A proven upper bound of a rate."""

    rate: str
    hits: int
    rows: int
    level: float
    upper: float


class AimRecord(TypedDict):
    """The aim of an operating point."""

    target: Literal["f_score", "lambda_score", "hallucination", "false_refusals"]
    limit: float | None
    level: float
    abstain_value: float
    seed: int


class ChosenPoint(TypedDict):
    """An operating point."""

    aim: AimRecord
    mix: MixRecord
    threshold: float
    bounds: list[BoundRecord]


class SignalsAsked(TypedDict):
    """The signals that an answerer asks for besides the answer."""

    openings: list[str]
    withheld: bool


class PointRecord(TypedDict):
    """`model/operating_point.json`."""

    point: ChosenPoint
    weights: str
    answerer: str
    signals: NotRequired[SignalsAsked]
    max_answer_tokens: int


class Checkpoint(TypedDict):
    """The file in a checkpoint that marks it as complete."""

    settings: dict[str, Any]
    counted: dict[str, Any]
    files: NotRequired[dict[str, str]]


class EvaluateSettings(TypedDict, total=False):
    """Settings that affect the evaluated replies."""

    base: str
    templates: str
    evidence: str
    max_answer_tokens: int


class JudgeRecord(TypedDict, total=False):
    """The judge that labelled replies."""

    name: str


class TrainedOn(TypedDict, total=False):
    """The demonstrations that the model of an evaluation's column was trained on."""

    rows_in: int
    demonstrations: int
    outcomes: dict[str, int]
    usage: Calls
    reused: Calls


class TrainingRecord(TypedDict, total=False):
    """The training of the model of an evaluation's column."""

    base: str
    start_from: str
    rows_trained: int
    weights: str
    objective: str
    data: str
    seed: int
    train_runtime: float
    num_tokens: float
    on_policy: dict[str, dict[str, float]]
    demonstrations: TrainedOn


class Evaluated(TypedDict, total=False):
    """`evaluation/manifest.json`."""

    title: str
    base_model: str
    dtype: str
    settings: EvaluateSettings
    data: dict[str, Any]
    retrieval: dict[str, Any]
    recall: dict[str, float]
    files: dict[str, str]
    models: dict[str, str]
    answerers: dict[str, str]
    asking: dict[str, dict[str, dict[str, int]]]
    judges: dict[str, JudgeRecord]
    usage: dict[str, Calls]
    reused: dict[str, Calls]
    training: dict[str, TrainingRecord]
    weights: dict[str, str]
    served: dict[str, str]
    ability: dict[str, Any]
    unscored: dict[str, Any]
    versions: dict[str, str]


class EvaluatedRow(TypedDict):
    """A line of `evaluation/rows.jsonl`."""

    id: str
    question: str
    answers: list[str]
    passages: list[ShownPassage]
    answer_in_context: bool
    gold_removed: bool
    answerable: bool


class ShownPassage(TypedDict):
    """A passage of a prompt."""

    id: str
    text: str
    title: str
    score: float


class WrittenCandidate(TypedDict):
    """A candidate and its label."""

    source: str
    label: str


class ListedRow(TypedDict):
    """The keys by which rows of `demonstrations/candidates.jsonl` are searched and listed."""

    id: str
    question: str
    answers: list[str]
    response: str
    outcome: str
    source: str
    verified: bool
    skipped: str


class CountedRow(TypedDict):
    """The keys of a row of `demonstrations/candidates.jsonl` from which abstentions are counted."""

    answer_in_context: bool
    candidates: list[WrittenCandidate]
    outcome: str
    skipped: str


class WrittenRow(EvaluatedRow, ListedRow):
    """A line of `demonstrations/candidates.jsonl`."""

    candidates: list[WrittenCandidate]


class TaskRow(TypedDict):
    """A line of a task for lm-evaluation-harness."""

    mode: Mode
    question: str
    prompt: str
    answers: list[str]
    answerable: bool
    answer_in_context: bool


class SkippedRow(TypedDict):
    """A line of `demonstrations/skipped.jsonl`."""

    id: str
    reason: str
    detail: str


class BuiltDataset(TypedDict):
    """`manifest.json` beside a dataset that the builder made."""

    config: str
    hash: str
    splits: dict[str, Demonstrations]


class Rounds(TypedDict):
    """`rounds/manifest.json`."""

    result: int


class Adapter(TypedDict, total=False):
    """PEFT's configuration of an adapter."""

    base_model_name_or_path: str
    r: int
    lora_alpha: float


class TrainedTokens(TypedDict, total=False):
    """The tokens whose embeddings an adapter contains, in PEFT's configuration, for all layers or by layer."""

    trainable_token_indices: list[int] | dict[str, list[int]] | None


class Index(TypedDict):
    """The settings of a BM25 index."""

    k1: float
    b: float
    stemmer: str
    format: int
    corpus: str


class DenseIndex(TypedDict):
    """The settings of a dense index."""

    encoder: str
    format: int
    corpus: str
    graph: NotRequired[str]


class IndexParameters(TypedDict):
    """The parameters of an index in the file of bm25s."""

    num_docs: int


class Plan(TypedDict, total=False):
    """`plan.json`."""

    seconds: float | None


class Hashed(TypedDict):
    """The cached hash of a large file."""

    path: str
    state: list[int]
    sha256: str


class Written(TypedDict):
    """The hashes of the files that were written into a folder."""

    written: list[str]
