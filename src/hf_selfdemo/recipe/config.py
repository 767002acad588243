"""Every key of a recipe that is not TRL's own. A recipe is one flat YAML; each verb uses its part of it.

Dataclass -> YAML -> command line, in TrlParser's way: the YAML sets defaults, flags win. Model and LoRA keys are TRL's
`ModelConfig`, training keys are, by `objective`, `SelfDemoConfig` (an `SFTConfig`), `SelfDemoDPOConfig` (a
`DPOConfig`) or `SelfDemoGRPOConfig` (a `GRPOConfig`). No two groups share a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import (
    ALL_OR_SOME,
    MATCH,
    NOT_NEGATIVE,
    ONE_OR_MORE,
    PORT,
    POSITIVE,
    SEED,
    SHARE,
    SHARE_ABOVE_ZERO,
    SHARE_BELOW_ONE,
    SHARE_BETWEEN,
    ZERO_OR_MORE,
)
from hf_selfdemo.data.retrieval.models import DEFAULT_ENCODER

DEV_SOURCES = frozenset({"dev_questions", "dev_corpus"})
SOURCES = DEV_SOURCES | {"train_questions", "test_questions", "train_corpus", "test_corpus"}
"""Keys that name questions or passages. Dev questions are there only if named."""


@dataclass
class DataArguments:
    """Where questions and passages come from.

    Where no source is named, all are the embedded ones. Where one is named, the others that a verb reads must be, too.
    """

    train_questions: list[str] = key(
        [],
        "embedded, files (.jsonl .json .csv .tsv .parquet .xlsx, also .gz), dataset folders or Hub ids; default: "
        "embedded, if no other source is named",
        "written",
    )
    test_questions: list[str] = key([], "as train_questions, for evaluation", "replies")
    dev_questions: list[str] = key(
        [], "as train_questions, asked while training to see how it goes; none: no evaluation meanwhile", "weights"
    )
    held_out_share: float = key(
        0.0,
        "instead of dev_questions: this share of train_questions, set aside by a hash of the id",
        "weights",
        SHARE_BELOW_ONE,
    )
    train_split: str = key("train", "split of train_questions, where there are splits", "written")
    dev_split: str = key("dev", "split of dev_questions, where there are splits", "weights")
    test_split: str = key("test", "split of test_questions, where there are splits", "replies")
    dataset_config: str | None = key(None, "configuration name of questions on the Hub", "written")
    dataset_revision: str | None = key(None, "revision of questions on the Hub", "written")
    preset: str = key("open_qa", "column map: open_qa, squad, squad_v2, nq_open, dpr or kilt", "written")
    columns: list[str] = key([], "role=column pairs over the preset, e.g. answers=answer.aliases", "written")
    list_separator: str = key(
        "", "splits a text that holds several answers or gold ids, e.g. '|'; empty: such a text is one", "written"
    )
    sources: list[str] = key([], "keep only questions whose source column begins with one of these", "written")
    train_corpus: str = key(
        "",
        "passages to search; 'questions' takes those that came with the questions; default: embedded, if no other "
        "source is named",
        "written",
    )
    dev_corpus: str | None = key(
        None, "as train_corpus, for dev_questions; default is train_corpus, its dev_split if it has splits", "weights"
    )
    test_corpus: str = key("", "as train_corpus, for evaluation", "replies")
    corpus_columns: list[str] = key(
        [], "role=column pairs of a corpus: id, text and title, e.g. text=contents", "written"
    )
    corpus_config: str | None = key(None, "configuration name of a corpus on the Hub", "written")
    corpus_revision: str | None = key(None, "revision of a corpus on the Hub", "written")
    corpus_split: str | None = key(
        None, "split of every corpus that has splits; default is the split of the questions", "written"
    )
    max_train_questions: int = key(-1, "answerable training questions; -1 for all", "written", ALL_OR_SOME)
    max_train_unanswerable: int = key(-1, "unanswerable training questions; -1 for all", "written", ALL_OR_SOME)
    max_dev_questions: int = key(-1, "answerable dev questions; -1 for all", "weights", ALL_OR_SOME)
    max_dev_unanswerable: int = key(-1, "unanswerable dev questions; -1 for all", "weights", ALL_OR_SOME)
    max_test_questions: int = key(-1, "answerable test questions; -1 for all", "replies", ALL_OR_SOME)
    max_test_unanswerable: int = key(-1, "unanswerable test questions; -1 for all", "replies", ALL_OR_SOME)
    data_seed_questions: int = key(0, "seed of drawing questions", "written", SEED)


@dataclass
class DocumentArguments:
    """Documents as corpus and as source of questions. The keys of writing questions stand beside their writer."""

    documents: list[str] = key(
        [],
        "files and folders (.md .txt .html .pdf .docx .jsonl) to search, and to write questions about where no file of "
        "questions is named",
        "written",
    )
    test_documents_share: float = key(
        0.2, "share of the documents whose questions are for testing", "written", SHARE_BETWEEN
    )
    max_document_rows: int = key(
        -1,
        "passages of train_corpus that are rows of their own, for methods that read documents; -1 for all",
        "written",
        ALL_OR_SOME,
    )


@dataclass
class RetrievalArguments:
    """What is shown with a question."""

    retriever: str = key(
        "bm25",
        "bm25, dense (vectors of retriever_model), hybrid (both), given (passages that came with questions), or "
        "module:function of your own, which makes a retriever of passages",
        "written",
    )
    retriever_model: str = key(
        "",
        "dense, hybrid: a model of sentence-transformers, a folder or Hub id, or what objective: retriever trained; "
        f"default is {DEFAULT_ENCODER}",
        "written",
    )
    retriever_query_prompt: str | None = key(
        None, "dense, hybrid: stands before every question; default is the model's own", "written"
    )
    retriever_passage_prompt: str | None = key(
        None, "dense, hybrid: stands before every passage; default is the model's own", "written"
    )
    reranker: str = key(
        "",
        "a cross-encoder of sentence-transformers that orders the best passages anew, a folder or Hub id; empty for "
        "none",
        "written",
    )
    rerank_depth: int = key(50, "passages of a question that the reranker orders", "written", ONE_OR_MORE)
    passages_per_question: int = key(4, "passages shown; the paper has 4", "written", ONE_OR_MORE)
    max_passage_words: int = key(
        100, "cut passages after so many words, see max_answers_cut; 0 keeps them whole", "written", ZERO_OR_MORE
    )
    split_passages: bool = key(
        False, "split passages longer than max_passage_words between sentences instead of cutting them", "written"
    )
    max_answers_cut: float = key(
        0.05,
        "refuse a cut that loses more than this share of the answers that the shown passages held before it",
        "written",
        SHARE,
    )
    index_dir: str | None = key(
        None,
        "keep indexes here and reuse them. Default: BM25 indexes are not kept, dense ones are in index in output_dir",
        "nothing",
    )
    train_twins: int = key(
        0, "leave-gold-out twins to train on (answerable rows, answer masked); -1 for all", "written", ALL_OR_SOME
    )
    dev_twins: int = key(0, "leave-gold-out twins among the dev rows; -1 for all", "weights", ALL_OR_SOME)
    test_twins: int = key(0, "leave-gold-out twins to evaluate on; -1 for all", "replies", ALL_OR_SOME)


@dataclass
class EngineArguments:
    """Who writes, and where every call is kept."""

    engine: str = key("transformers", "transformers (in this process), or server (OpenAI-compatible)", "written")
    ledger: str | None = key(
        None, "file of all calls; runs may share one. Default: ledger.sqlite in output_dir", "nothing"
    )
    window: int = key(16, "questions in flight", "nothing", ONE_OR_MORE)
    shard: str | None = key(
        None,
        "i/n: only make the calls of every n-th question, from the i-th (0 is first), into the ledger; a run "
        "without it then puts the dataset together",
        "nothing",
    )
    inference_dtype: str | None = key(
        None, "transformers: dtype of a model that only writes, as dtype (auto too); default is as dtype", "written"
    )
    generation_batch_size: int = key(36, "transformers: rows decoded at once", "nothing", ONE_OR_MORE)
    prefix_cache_gb: float = key(1.0, "transformers: memory for prompts seen before", "nothing", NOT_NEGATIVE)
    frozen_layers: int = key(
        0,
        "transformers: lower layers that no adapter changes; what they make of a text is computed once and kept in "
        "frozen_dir, for training too",
        "nothing",
        ZERO_OR_MORE,
    )
    frozen_dir: str | None = key(
        None, "folder of frozen_layers; runs may share one. Default: frozen in output_dir", "nothing"
    )
    device_map: str | None = key(None, "transformers: auto spreads the model over the devices there are", "nothing")
    server_url: str | None = key(None, "server: its address, e.g. http://localhost:8000/v1", "nothing")
    server_model: str | None = key(None, "server: the model's name there; default is model_name_or_path", "written")
    server_concurrency: int = key(32, "server: calls in flight", "nothing", ONE_OR_MORE)
    server_timeout_s: float = key(120.0, "server: seconds until a call is tried again", "nothing", POSITIVE)
    server_retries: int = key(5, "server: tries after the first, with growing pauses", "nothing", ZERO_OR_MORE)
    server_key_variable: str = key(
        "OPENAI_API_KEY", "server: environment variable that holds the key, if one is needed", "nothing"
    )
    server_choices: str = key(
        "auto", "server: how a choice is constrained: auto, json_schema, choice or none", "written"
    )


@dataclass
class DemonstrateArguments:
    """How demonstrations come about. Keys of a method's own stand in its file."""

    method: str = key("self_demo", "self_demo, or another row of the table `METHODS`, such as the baselines", "written")
    on_policy_rows: int = key(32, "rows measured for the on-policy figure; 0 for none", "nothing", ZERO_OR_MORE)
    demonstrate_seed: int = key(0, "seed of sampling and of every draw among candidates", "written", SEED)


@dataclass
class JudgeArguments:
    """Who decides which candidate is best. Defaults are the paper's where it has a value."""

    judge: str = key(
        "answer_match",
        "answer_match, llm_label, match_then_llm or tournament (the paper); the model judges itself",
        "kept",
    )
    bracket_size: int = key(3, "candidates compared in one match of the tournament", "kept", MATCH)
    judge_passages: int = key(4, "passages that a judging model sees", "kept", ZERO_OR_MORE)
    judge_tries: int = key(5, "times that a verdict nobody can read is asked for", "kept", ONE_OR_MORE)
    judge_orders: int = key(
        1, "orders in which a match is shown; more even out a liking for the first", "kept", ONE_OR_MORE
    )
    judge_reasoning: bool = key(
        False, "let it think aloud before its verdict (the paper), instead of only choosing", "kept"
    )
    max_judge_tokens: int = key(1000, "longest reasoning of a judge, in tokens", "kept", ONE_OR_MORE)


@dataclass
class TrainArguments:
    """What is trained, from where, and how often. How, say the keys of TRL's configuration."""

    objective: str = key(
        "sft",
        "sft (the demonstrations), dpo (their pairs of chosen and rejected texts), or grpo (replies written in "
        "training and rewarded by a judge, or by critics with method corgi)",
        "weights",
    )
    start_from: str | None = key(
        None, "folder of an adapter or model that was trained before, to go on from; e.g. sft, then dpo", "weights"
    )
    num_rounds: int = key(
        1,
        "rounds of demonstrating and training in `run`; from the second on, the model of the round before writes "
        "and is trained further",
        "weights",
        ONE_OR_MORE,
    )
    max_refusal_rise: float = key(
        0.1,
        "stop the rounds when, among replies to questions whose passages hold the answer, the share of "
        "unasked-for refusals is more than this above the round before",
        "weights",
        SHARE,
    )


@dataclass
class PromptSearchArguments:
    """Search for the wording of the candidates' prompts. Defaults are the paper's."""

    prompt_search: bool = key(False, "search before demonstrating, in output_dir/prompts", "written")
    prompts_dir: str | None = key(None, "use the prompts that another search left here", "written")
    search_train_examples: int = key(30, "questions on which prompts are compared", "written", ONE_OR_MORE)
    search_eval_examples: int = key(30, "other questions, on which all are ranked at last", "written", ONE_OR_MORE)
    search_shuffle_window: int = key(400, "both are drawn from so many first questions", "written", ONE_OR_MORE)
    search_steps: int = key(5, "rounds of rewriting", "written", ZERO_OR_MORE)
    search_topk: int = key(5, "prompts rewritten in a round", "written", ONE_OR_MORE)
    search_beam_size: int = key(12, "rewrites in a round, shared out among those", "written", ONE_OR_MORE)
    search_answer_temperature: float = key(0.5, "of the answers that are scored", "written", NOT_NEGATIVE)
    search_rewrite_temperature: float = key(1.0, "of the rewriting", "written", NOT_NEGATIVE)
    max_search_answer_tokens: int = key(1000, "longest answer in a search, in tokens", "written", ONE_OR_MORE)
    search_seed: int = key(0, "seed of the draw of examples and of the sampling", "written", SEED)


@dataclass
class PlanArguments:
    """What `hf-selfdemo plan` measures and prices, and the device that it has in mind."""

    plan_questions: int = key(
        8,
        "questions really asked to measure by; their calls are kept for the run. 0: none, and no weights are "
        "loaded or fetched",
        "nothing",
        ZERO_OR_MORE,
    )
    price_prompt: float = key(0.0, "price of a million prompt tokens", "nothing", NOT_NEGATIVE)
    price_cached: float | None = key(
        None, "of a million cached prompt tokens; default is as for others", "nothing", NOT_NEGATIVE
    )
    price_generated: float = key(0.0, "price of a million generated tokens", "nothing", NOT_NEGATIVE)
    device_memory_gb: float = key(
        0.0, "memory of the device that is planned for; 0: not compared with what is needed", "nothing", NOT_NEGATIVE
    )
    device_tflops: float = key(
        0.0,
        "its dense bfloat16 peak in TFLOP/s, e.g. 312 (A100) or 989 (H100); 0: no hours are told",
        "nothing",
        NOT_NEGATIVE,
    )
    device_utilisation: float = key(
        0.3, "share of that peak that is assumed to be reached", "nothing", SHARE_ABOVE_ZERO
    )


@dataclass
class EvaluateArguments:
    """How models are compared."""

    evaluate_modes: list[str] = key(["rag", "closed_book"], "with passages, without, or both", "replies")
    evaluate_on: str = key("test", "test questions, or dev: to choose settings without having seen test", "replies")
    evaluate_plain: bool = key(
        False, "a column more: the base model under a prompt that does not speak of declining", "replies"
    )
    evaluate_judge: str = key("answer_match", "who labels replies; an LLM judge is always the base model", "replies")
    max_answer_tokens: int = key(32, "longest reply, in tokens", "replies", ONE_OR_MORE)
    evaluate_signals: bool = key(
        True,
        "with passages, ask how likely a refusal is, too: one of the signals that tell how sure a model is. It goes on "
        "from the prompt's states, and costs some 60 tokens a row",
        "replies",
    )
    evaluate_withheld: bool = key(
        True,
        "where the model abstains, ask what it would answer: for curves of risk against coverage, and to choose an "
        "operating point that answers more. Costs one more reply for each abstention; needs evaluate_signals",
        "replies",
    )
    adapters: list[str] = key(
        [], "name=folder pairs of tuned models; default is what was trained in output_dir, every round", "replies"
    )
    compare: list[str] = key(
        [],
        "compare finished evaluations instead: columns of this run's, or name=folder (or name=folder:column) of "
        "other runs; the first is what the others are compared with",
        "nothing",
    )
    predictions_shown: int = key(0, "print so many example replies", "nothing", ZERO_OR_MORE)


@dataclass
class OperatingPointArguments:
    """Where on its curve between answering and abstaining a model stands."""

    operating_target: Literal["f_score", "lambda_score", "hallucination", "false_refusals"] | None = key(
        None,
        "what a threshold over the model's confidence is chosen for on the dev questions: f_score or lambda_score (as "
        "high as can be), hallucination or false_refusals (at most operating_limit); none: the model stands as trained",
        "replies",
    )
    operating_limit: float | None = key(
        None, "largest share of hallucinations, or of false refusals, with these two targets", "replies", SHARE_BETWEEN
    )
    operating_level: float = key(
        0.9, "how sure that is to be, and the bounds beside the other targets", "replies", SHARE_BETWEEN
    )
    operating_abstain_value: float = key(
        0.5, "with lambda_score: what an abstention is worth, from 0 (an error) to 1 (a right answer)", "replies", SHARE
    )
    operating_seed: int = key(0, "of the halves of the dev questions, one to choose and one to prove", "replies", SEED)


@dataclass
class AbilityArguments:
    """What else the models can do: a light check beside the evaluation, nothing unless asked for."""

    choice_questions: str | None = key(
        None, "multiple-choice questions: embedded, a file, a dataset folder or Hub id; none: not checked", "replies"
    )
    choice_split: str = key("test", "split of choice_questions, where there are splits", "replies")
    choice_config: str | None = key(None, "configuration name of a Hub dataset of them", "replies")
    choice_preset: str = key("mmlu", "their columns: mmlu or arc", "replies")
    choice_columns: list[str] = key(
        [], "role=column pairs over the preset (question, choices, answer), e.g. choices=endings", "replies"
    )
    max_choice_questions: int = key(-1, "so many of them, drawn by a seed; -1 for all", "replies", ALL_OR_SOME)
    instruction_prompts: str | None = key(
        None,
        "instructions that the base model answers, to see how likely its replies are after training; sources as "
        "for choice_questions; none: not checked",
        "replies",
    )
    instruction_split: str = key("test", "split of instruction_prompts, where there are splits", "replies")
    instruction_config: str | None = key(None, "configuration name of a Hub dataset of them", "replies")
    instruction_columns: list[str] = key(
        ["instruction"],
        "column with a text or a list of chat turns; texts of several are put below each other",
        "replies",
    )
    max_instruction_prompts: int = key(-1, "so many of them, drawn by a seed; -1 for all", "replies", ALL_OR_SOME)
    max_instruction_tokens: int = key(64, "longest reply to them, in tokens", "replies", ONE_OR_MORE)


@dataclass
class ExportArguments:
    """What `hf-selfdemo export` writes for other evaluation tools."""

    export_to: str = key("lm_eval", "lm_eval (tasks for lm-evaluation-harness) or ragas (rows for ragas)", "nothing")


@dataclass
class AppArguments:
    """Where `hf-selfdemo app` listens."""

    app_host: str = key("127.0.0.1", "address: 127.0.0.1 for this machine alone, 0.0.0.0 for everybody", "nothing")
    app_port: int = key(7860, "port of the page", "nothing", PORT)
    app_names: list[str] = key([], "other names under which the page is reached, as that of a proxy", "nothing")


@dataclass
class PushArguments:
    """What `hf-selfdemo push` puts on the Hub, and where."""

    artefacts: list[str] = key(
        ["dataset", "model"],
        "any of dataset, model, metrics, index, space, retriever: a repository and a commit each, metrics two",
        "nothing",
    )
    hub_namespace: str | None = key(None, "user or organisation to push to; default is the token's owner", "nothing")
    hub_dataset_id: str | None = key(
        None, "name of the dataset, with or without its owner; default is from output_dir", "nothing"
    )
    hub_index_id: str | None = key(None, "as hub_dataset_id, for the index", "nothing")
    hub_retriever_id: str | None = key(None, "as hub_dataset_id, for a trained retriever", "nothing")
    hub_space_id: str | None = key(None, "as hub_dataset_id, for the app over the run", "nothing")
    private: bool = key(False, "make new repositories private, as hub_private_repo does", "nothing")
    dry_run: bool = key(False, "show files, sizes and cards, and what would be refused; nothing is sent", "nothing")
    merge_adapter: bool = key(False, "push the model whole, the adapter merged into it", "nothing")
    source_license: str | None = key(
        None, "licence of questions and passages, e.g. cc-by-sa-4.0; none for embedded ones", "nothing"
    )
    model_license: str | None = key(None, "licence of the trained model", "nothing")
    hub_languages: list[str] = key(["en"], "ISO codes, for the cards", "nothing")
    hub_base_model: str | None = key(
        None, "Hub id of the model that was trained on, where a folder was named", "nothing"
    )
    hub_benchmark: str | None = key(
        None, "Hub id of the benchmark that test_questions are, for .eval_results", "nothing"
    )
    max_shard_size: str = key("500MB", "largest Parquet file, before compression", "nothing")
