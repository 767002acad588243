"""The package's own options, as dataclasses. A recipe is one flat YAML file, and each command reads its part of it.

`command_keys.py` has the options that only one command reads, and the file of a method has the options of the method.

As with TrlParser, the YAML file overrides the defaults, and the command line overrides the file. The options of the
model and of LoRA are TRL's `ModelConfig`. The options of training depend on `objective`: `SelfDemoConfig` (an
`SFTConfig`), `SelfDemoDPOConfig` (a `DPOConfig`) or `SelfDemoGRPOConfig` (a `GRPOConfig`). Option names are unique.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import (
    ALL_OR_SOME,
    MATCH,
    NOT_NEGATIVE,
    ONE_OR_MORE,
    POSITIVE,
    SEED,
    SHARE,
    SHARE_BELOW_ONE,
    SHARE_BETWEEN,
    ZERO_OR_MORE,
)
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER

DEV_SOURCES = frozenset({"dev_questions", "dev_corpus"})
SOURCES = DEV_SOURCES | {"train_questions", "test_questions", "train_corpus", "test_corpus"}
"""Options that name questions or passages. There are dev questions only if they are named."""

_KINDS = "embedded, files (.jsonl .json .csv .tsv .parquet .xlsx, also .gz), dataset folders or Hub ids"
"""What options of questions can name, for their help."""


@dataclass
class DataArguments:
    """Questions and passages.

    If no source is named, all are the embedded ones. If one is named, every source that a command reads must be named.
    """

    train_questions: list[str] = key(
        [],
        f"questions for training: {_KINDS}; default: embedded, if no other source is named",
        "written",
    )
    test_questions: list[str] = key([], f"questions for evaluation: {_KINDS}", "replies")
    dev_questions: list[str] = key(
        [],
        f"questions for evaluation during training and for choosing settings: {_KINDS}; default: none",
        "weights",
    )
    held_out_share: float = key(
        0.0,
        "instead of dev_questions: share of train_questions to hold out, chosen by a hash of the id",
        "weights",
        SHARE_BELOW_ONE,
    )
    train_split: str = key("train", "split of train_questions, if it has splits", "written")
    dev_split: str = key("dev", "split of dev_questions, if it has splits", "weights")
    test_split: str = key("test", "split of test_questions, if it has splits", "replies")
    dataset_config: str | None = key(None, "configuration of questions on the Hub", "written")
    dataset_revision: str | None = key(None, "revision of questions on the Hub", "written")
    preset: str = key("open_qa", "column map: open_qa, squad, squad_v2, nq_open, dpr or kilt", "written")
    columns: list[str] = key([], "role=column pairs that override the preset, e.g. answers=answer.aliases", "written")
    list_separator: str = key(
        "", "splits a text that contains several answers or gold ids, e.g. '|'; empty: texts are not split", "written"
    )
    sources: list[str] = key([], "use only questions whose source column begins with one of these", "written")
    train_corpus: str = key(
        "",
        "passages to search; 'questions' uses those that came with the questions; default: embedded, if no other "
        "source is named",
        "written",
    )
    dev_corpus: str | None = key(
        None, "passages to search for dev_questions; default: train_corpus, its dev_split if it has splits", "weights"
    )
    test_corpus: str = key(
        "",
        "passages to search in evaluation; 'questions' uses those that came with the questions; default: embedded, if "
        "no other source is named",
        "replies",
    )
    corpus_columns: list[str] = key(
        [], "role=column pairs of a corpus: id, text and title, e.g. text=contents", "written"
    )
    corpus_config: str | None = key(None, "configuration of a corpus on the Hub", "written")
    corpus_revision: str | None = key(None, "revision of a corpus on the Hub", "written")
    corpus_split: str | None = key(
        None, "split of every corpus that has splits; default: the split of the questions", "written"
    )
    max_train_questions: int = key(-1, "number of answerable training questions; -1 for all", "written", ALL_OR_SOME)
    max_train_unanswerable: int = key(
        -1, "number of unanswerable training questions; -1 for all", "written", ALL_OR_SOME
    )
    max_dev_questions: int = key(-1, "number of answerable dev questions; -1 for all", "weights", ALL_OR_SOME)
    max_dev_unanswerable: int = key(-1, "number of unanswerable dev questions; -1 for all", "weights", ALL_OR_SOME)
    max_test_questions: int = key(-1, "number of answerable test questions; -1 for all", "replies", ALL_OR_SOME)
    max_test_unanswerable: int = key(-1, "number of unanswerable test questions; -1 for all", "replies", ALL_OR_SOME)
    data_seed_questions: int = key(0, "seed for drawing questions", "written", SEED)

    @property
    def only_embedded(self) -> bool:
        """Whether no source other than the embedded ones is named."""
        return all(getattr(self, name) in ("", None, [], "embedded", ["embedded"]) for name in SOURCES)


@dataclass
class DocumentArguments:
    """Documents as a corpus and as a source of questions."""

    documents: list[str] = key(
        [],
        "files and folders (.md .txt .html .pdf .docx .jsonl) to search, and to write questions about if no file of "
        "questions is named",
        "written",
    )
    test_documents_share: float = key(
        0.2, "share of the documents whose questions are test questions", "written", SHARE_BETWEEN
    )
    max_document_rows: int = key(
        -1,
        "number of passages of train_corpus to train on, for methods that train on documents; -1 for all",
        "written",
        ALL_OR_SOME,
    )


@dataclass
class RetrievalArguments:
    """Retrieval: which passages are shown with a question."""

    retriever: str = key(
        "bm25",
        "bm25, dense (vectors of retriever_model), hybrid (both), given (passages that came with the questions), or "
        "your own module:function, which takes passages and returns a retriever",
        "written",
    )
    retriever_model: str = key(
        "",
        "dense, hybrid: a sentence-transformers model, a folder or Hub id, or a model that objective: retriever "
        f"trained; default: {DEFAULT_ENCODER}",
        "written",
    )
    retriever_query_prompt: str | None = key(
        None, "dense, hybrid: text before every question; default: the model's own", "written"
    )
    retriever_passage_prompt: str | None = key(
        None, "dense, hybrid: text before every passage; default: the model's own", "written"
    )
    reranker: str = key(
        "",
        "a sentence-transformers cross-encoder that reorders the best passages, a folder or Hub id; empty for none",
        "written",
    )
    rerank_depth: int = key(50, "number of passages per question that the reranker reads", "written", ONE_OR_MORE)
    passages_per_question: int = key(4, "number of passages shown; the paper uses 4", "written", ONE_OR_MORE)
    max_passage_words: int = key(
        100,
        "truncate passages after this number of words, see max_answers_cut; 0 keeps them whole",
        "written",
        ZERO_OR_MORE,
    )
    split_passages: bool = key(
        False, "split passages longer than max_passage_words between sentences instead of truncating them", "written"
    )
    max_answers_cut: float = key(
        0.05,
        "stop if truncation loses more than this share of the answers in the shown passages",
        "written",
        SHARE,
    )
    index_dir: str | None = key(
        None,
        "folder where indexes are stored and reused. Default: BM25 indexes are not stored, dense ones are in "
        "output_dir/index",
        "nothing",
    )
    train_twins: int = key(
        0,
        "number of unanswerable counterfactuals to train on: questions whose gold passages are removed; -1 for all",
        "written",
        ALL_OR_SOME,
    )
    dev_twins: int = key(
        0, "number of unanswerable counterfactuals among the dev rows; -1 for all", "weights", ALL_OR_SOME
    )
    test_twins: int = key(
        0, "number of unanswerable counterfactuals among the test rows; -1 for all", "replies", ALL_OR_SOME
    )


@dataclass
class EngineArguments:
    """The engine that generates text, and the generation cache."""

    engine: str = key("transformers", "transformers (in this process), or server (OpenAI-compatible)", "written")
    ledger: str | None = key(
        None, "file of the generation cache; runs may share one. Default: output_dir/ledger.sqlite", "nothing"
    )
    window: int = key(16, "number of questions processed concurrently", "nothing", ONE_OR_MORE)
    shard: str | None = key(
        None,
        "i/n: only make the calls of every n-th question, from the i-th (0 is first), and store them; a run without "
        "this option then puts the dataset together",
        "nothing",
    )
    runner: Literal["local", "ray"] = key(
        "local",
        "local (this process), or ray: search, demonstrate and evaluate on the workers of a Ray cluster (extra ray)",
        "nothing",
    )
    ray_address: str | None = key(
        None,
        "ray: its head, as HOST:6379, ray://HOST:10001 or auto. Default: RAY_ADDRESS, or a Ray started on this machine",
        "nothing",
    )
    ray_workers: int = key(0, "ray: workers; 0 for as many as the cluster has room for", "nothing", ZERO_OR_MORE)
    ray_worker_cpus: float = key(1.0, "ray: CPUs of a worker", "nothing", POSITIVE)
    ray_worker_gpus: float | None = key(
        None,
        "ray: GPUs of a worker. Default: 1 with engine transformers if the cluster has GPUs, else 0",
        "nothing",
        NOT_NEGATIVE,
    )
    ray_ledgers: str | None = key(
        None,
        "ray: folder that all machines reach, in which each worker keeps its calls: a path, or a URL of fsspec such as "
        "s3://BUCKET/RUN. Default: ledgers in output_dir",
        "nothing",
    )
    inference_dtype: str | None = key(
        None,
        "transformers: dtype of a model that only generates, as for dtype (also auto); default: as dtype",
        "written",
    )
    generation_batch_size: int = key(36, "transformers: number of rows decoded at once", "nothing", ONE_OR_MORE)
    prefix_cache_gb: float = key(1.0, "transformers: memory for prefix caching, in GB", "nothing", NOT_NEGATIVE)
    frozen_layers: int = key(
        0,
        "transformers: number of lower layers that no adapter changes; their states are computed once per text and "
        "stored in frozen_dir, also for training",
        "nothing",
        ZERO_OR_MORE,
    )
    frozen_dir: str | None = key(
        None, "folder for frozen_layers; runs may share one. Default: output_dir/frozen", "nothing"
    )
    device_map: str | None = key(None, "transformers: auto spreads the model over all devices", "nothing")
    server_url: str | None = key(None, "server: its address, e.g. http://localhost:8000/v1", "nothing")
    server_model: str | None = key(
        None, "server: the model's name on the server; default: model_name_or_path", "written"
    )
    server_concurrency: int = key(32, "server: number of concurrent calls", "nothing", ONE_OR_MORE)
    server_timeout_s: float = key(
        120.0, "server: seconds for a whole reply, after which the call is tried again", "nothing", POSITIVE
    )
    server_retries: int = key(5, "server: number of retries, with growing pauses", "nothing", ZERO_OR_MORE)
    server_key_variable: str = key(
        "OPENAI_API_KEY", "server: environment variable with the API key, if one is needed", "nothing"
    )
    server_choices: str = key(
        "auto", "server: how a choice is constrained: auto, json_schema, choice or none", "written"
    )


@dataclass
class DemonstrateArguments:
    """Making demonstrations."""

    method: str = key(
        "self_demo",
        "self_demo, ra_it, raft or another method; the page Methods lists all. Or package.module:METHOD of your own",
        "written",
    )
    on_policy_rows: int = key(
        32,
        "number of rows on which the mean token NLL of targets and gold answers is measured; 0 for none",
        "nothing",
        ZERO_OR_MORE,
    )
    demonstrate_seed: int = key(0, "seed for sampling and for every draw among candidates", "written", SEED)


@dataclass
class JudgeArguments:
    """The judge, which decides which candidate is best. Defaults are the paper's where it has a value."""

    judge: str = key(
        "answer_match",
        "answer_match, llm_label, match_then_llm or tournament (the paper); a judge that needs a model is the model "
        "itself. Or package.module:NAME of your own",
        "kept",
    )
    bracket_size: int = key(3, "number of candidates in one match of the tournament", "kept", MATCH)
    judge_passages: int = key(4, "number of passages that a judging model sees", "kept", ZERO_OR_MORE)
    judge_tries: int = key(5, "number of tries for a verdict that cannot be read", "kept", ONE_OR_MORE)
    judge_orders: int = key(
        1, "number of orders in which a match is shown; more than one reduces position bias", "kept", ONE_OR_MORE
    )
    judge_reasoning: bool = key(False, "reason before the verdict (the paper) instead of only choosing", "kept")
    max_judge_tokens: int = key(1000, "longest reasoning of a judge, in tokens", "kept", ONE_OR_MORE)


@dataclass
class TrainArguments:
    """What is trained, from which weights, and how often."""

    objective: str = key(
        "sft",
        "sft (demonstrations), dpo (their pairs of chosen and rejected texts), grpo (replies generated during "
        "training and rewarded by a judge, or by critics with method corgi), or retriever (method invar_rag)",
        "weights",
    )
    start_from: str | None = key(
        None, "folder of a trained adapter or model to continue from; e.g. sft, then dpo", "weights"
    )
    num_rounds: int = key(
        1,
        "number of rounds of demonstrating and training in `run`; from the second on, the model of the previous round "
        "writes the candidates and is trained further",
        "weights",
        ONE_OR_MORE,
    )
    max_refusal_rise: float = key(
        0.1,
        "stop the rounds if the share of abstentions among answers to questions whose passages contain the answer "
        "rises by more than this over the previous round",
        "weights",
        SHARE,
    )
    variant: str | None = key(
        None,
        "name of a further training on the same demonstrations; its model goes to model-NAME in output_dir, and no "
        "other is replaced",
        "nothing",
    )

    def __post_init__(self) -> None:
        if self.variant is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", str(self.variant)):
            what = f"variant is {self.variant!r}, which cannot end the name of a folder"
            raise UserError(what, "use letters, digits, dots, dashes and underscores, as in lr1e-4")


@dataclass
class PromptSearchArguments:
    """Search for the wording of the candidates' prompts. Defaults are the paper's."""

    prompt_search: bool = key(False, "search before demonstrating, into output_dir/prompts", "written")
    prompts_dir: str | None = key(None, "folder of the prompts that another search found, to use them", "written")
    search_train_examples: int = key(30, "number of questions on which prompts are compared", "written", ONE_OR_MORE)
    search_eval_examples: int = key(
        30, "number of held-out questions on which all prompts are ranked at the end", "written", ONE_OR_MORE
    )
    search_shuffle_window: int = key(400, "both are drawn from this number of first questions", "written", ONE_OR_MORE)
    search_steps: int = key(5, "number of rounds of rewriting", "written", ZERO_OR_MORE)
    search_topk: int = key(5, "number of prompts rewritten in a round", "written", ONE_OR_MORE)
    search_beam_size: int = key(
        12, "number of rewrites in a round, divided among those prompts", "written", ONE_OR_MORE
    )
    search_answer_temperature: float = key(0.5, "temperature of the answers that are scored", "written", NOT_NEGATIVE)
    search_rewrite_temperature: float = key(1.0, "temperature of the rewriting", "written", NOT_NEGATIVE)
    max_search_answer_tokens: int = key(1000, "longest answer in a search, in tokens", "written", ONE_OR_MORE)
    search_seed: int = key(0, "seed for drawing examples and for sampling", "written", SEED)


@dataclass
class EvaluateArguments:
    """Evaluation."""

    evaluate_modes: list[str] = key(
        ["rag", "closed_book"], "with passages (rag), without (closed_book), or both", "replies"
    )
    evaluate_on: str = key("test", "test, or dev to choose settings without looking at the test questions", "replies")
    evaluate_plain: bool = key(
        False, "add a column for the base model with a prompt that does not mention abstaining", "replies"
    )
    evaluate_judge: str = key(
        "answer_match", "judge that labels replies; a judge that needs a model is always the base model", "replies"
    )
    max_answer_tokens: int = key(32, "longest reply, in tokens", "replies", ONE_OR_MORE)
    evaluate_signals: bool = key(
        True,
        "with passages, also measure the probability of an abstention, one of the signals of the model's confidence. "
        "It uses the cached prefix and costs some 60 tokens per row",
        "replies",
    )
    evaluate_withheld: bool = key(
        True,
        "where the model abstains, ask what it would answer: for curves of risk against coverage, and to choose an "
        "operating point that answers more. Costs one more reply per abstention; needs evaluate_signals",
        "replies",
    )
    adapters: list[str] = key(
        [], "name=folder pairs of trained models; default: every round that was trained in output_dir", "replies"
    )
    served: list[str] = key(
        [],
        "name=MODEL pairs: ask the model of that column (base, tuned or another one) at server_url, where it has the "
        "name MODEL, instead of loading it; its folder still says how it is asked",
        "replies",
    )
    compare: list[str] = key(
        [],
        "compare finished evaluations instead: columns of this run, or name=folder (or name=folder:column) of "
        "other runs; the first is the reference",
        "nothing",
    )
    predictions_shown: int = key(0, "number of example replies to print", "nothing", ZERO_OR_MORE)


@dataclass
class OperatingPointArguments:
    """The operating point: a confidence threshold between answering and abstaining."""

    operating_target: Literal["f_score", "lambda_score", "hallucination", "false_refusals"] | None = key(
        None,
        "target of the confidence threshold, chosen on the dev questions: f_score or lambda_score (highest), "
        "hallucination or false_refusals (at most operating_limit); default: no threshold",
        "replies",
    )
    operating_limit: float | None = key(
        None, "with hallucination or false_refusals: the highest rate allowed", "replies", SHARE_BETWEEN
    )
    operating_level: float = key(
        0.9, "confidence level of the limit, or of the bounds with the other targets", "replies", SHARE_BETWEEN
    )
    operating_abstain_value: float = key(
        0.5,
        "with lambda_score: value of an abstention, from 0 (an incorrect answer) to 1 (a correct one)",
        "replies",
        SHARE,
    )
    operating_seed: int = key(
        0, "seed for splitting the dev questions into a half for choosing and a half for the bounds", "replies", SEED
    )


@dataclass
class AbilityArguments:
    """Other abilities: short checks during evaluation, only if their data are named."""

    choice_questions: str | None = key(
        None, "multiple-choice questions: embedded, a file, a dataset folder or a Hub id; default: no check", "replies"
    )
    choice_split: str = key("test", "split of choice_questions, if it has splits", "replies")
    choice_config: str | None = key(None, "configuration of a Hub dataset", "replies")
    choice_preset: str = key("mmlu", "column map of choice_questions: mmlu or arc", "replies")
    choice_columns: list[str] = key(
        [], "role=column pairs that override the preset (question, choices, answer), e.g. choices=endings", "replies"
    )
    max_choice_questions: int = key(
        -1, "number of choice_questions, drawn by a seed; -1 for all", "replies", ALL_OR_SOME
    )
    instruction_prompts: str | None = key(
        None,
        "instructions that the base model answers, to measure the mean token NLL of its replies after training; "
        "sources as for choice_questions; default: no check",
        "replies",
    )
    instruction_split: str = key("test", "split of instruction_prompts, if it has splits", "replies")
    instruction_config: str | None = key(None, "configuration of a Hub dataset", "replies")
    instruction_columns: list[str] = key(
        ["instruction"],
        "column with a text or a list of chat turns; texts of several columns are joined",
        "replies",
    )
    max_instruction_prompts: int = key(
        -1, "number of instruction_prompts, drawn by a seed; -1 for all", "replies", ALL_OR_SOME
    )
    max_instruction_tokens: int = key(64, "longest reply to an instruction, in tokens", "replies", ONE_OR_MORE)
