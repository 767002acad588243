"""Every key of a recipe that is not TRL's own. A recipe is one flat YAML; each verb uses its part of it.

Dataclass -> YAML -> command line, in TrlParser's way: the YAML sets defaults, flags win. Model and LoRA keys are TRL's
`ModelConfig`, training keys are, by `objective`, `SelfDemoConfig` (an `SFTConfig`) or `SelfDemoDPOConfig` (a
`DPOConfig`). No two groups share a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEV_SOURCES = frozenset({"dev_questions", "dev_corpus"})
SOURCES = DEV_SOURCES | {"train_questions", "test_questions", "train_corpus", "test_corpus"}
"""Keys that name questions or passages. Dev questions are there only if named."""


@dataclass
class DataArguments:
    """Where questions and passages come from.

    Where no source is named, all are the embedded ones. Where one is named, the others that a verb reads must be, too.
    """

    train_questions: list[str] = field(
        default_factory=list,
        metadata={
            "help": "embedded, files (.jsonl .json .parquet, also .gz), dataset folders or Hub ids; default: embedded, "
            "if no other source is named"
        },
    )
    test_questions: list[str] = field(default_factory=list, metadata={"help": "as train_questions, for evaluation"})
    dev_questions: list[str] = field(
        default_factory=list,
        metadata={"help": "as train_questions, asked while training to see how it goes; none: no evaluation meanwhile"},
    )
    held_out_share: float = field(
        default=0.0,
        metadata={"help": "instead of dev_questions: this share of train_questions, set aside by a hash of the id"},
    )
    train_split: str = field(default="train", metadata={"help": "split of train_questions, where there are splits"})
    dev_split: str = field(default="dev", metadata={"help": "split of dev_questions, where there are splits"})
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
        default="",
        metadata={
            "help": "passages to search; 'questions' takes those that came with the questions; default: embedded, if "
            "no other source is named"
        },
    )
    dev_corpus: str | None = field(
        default=None,
        metadata={
            "help": "as train_corpus, for dev_questions; default is train_corpus, its dev_split if it has splits"
        },
    )
    test_corpus: str = field(default="", metadata={"help": "as train_corpus, for evaluation"})
    max_train_questions: int = field(default=-1, metadata={"help": "answerable training questions; -1 for all"})
    max_train_unanswerable: int = field(default=-1, metadata={"help": "unanswerable training questions; -1 for all"})
    max_dev_questions: int = field(default=-1, metadata={"help": "answerable dev questions; -1 for all"})
    max_dev_unanswerable: int = field(default=-1, metadata={"help": "unanswerable dev questions; -1 for all"})
    max_test_questions: int = field(default=-1, metadata={"help": "answerable test questions; -1 for all"})
    max_test_unanswerable: int = field(default=-1, metadata={"help": "unanswerable test questions; -1 for all"})
    data_seed_questions: int = field(default=0, metadata={"help": "seed of drawing questions"})


@dataclass
class RetrievalArguments:
    """What is shown with a question."""

    retriever: str = field(default="bm25", metadata={"help": "bm25, or given for passages that came with questions"})
    passages_per_question: int = field(default=4, metadata={"help": "passages shown; the paper has 4"})
    max_passage_words: int = field(
        default=100, metadata={"help": "cut passages after so many words, see max_answers_cut; 0 keeps them whole"}
    )
    split_passages: bool = field(
        default=False,
        metadata={"help": "split passages longer than max_passage_words between sentences instead of cutting them"},
    )
    max_answers_cut: float = field(
        default=0.05,
        metadata={
            "help": "refuse a cut that loses more than this share of the answers that the shown passages held before it"
        },
    )
    index_dir: str | None = field(default=None, metadata={"help": "keep BM25 indexes here and reuse them"})
    train_twins: int = field(
        default=0, metadata={"help": "leave-gold-out twins to train on (answerable rows, answer masked); -1 for all"}
    )
    dev_twins: int = field(default=0, metadata={"help": "leave-gold-out twins among the dev rows; -1 for all"})
    test_twins: int = field(default=0, metadata={"help": "leave-gold-out twins to evaluate on; -1 for all"})


@dataclass
class EngineArguments:
    """Who writes, and where every call is kept."""

    engine: str = field(
        default="transformers", metadata={"help": "transformers (in this process), or server (OpenAI-compatible)"}
    )
    ledger: str | None = field(
        default=None, metadata={"help": "file of all calls; runs may share one. Default: ledger.sqlite in output_dir"}
    )
    window: int = field(default=16, metadata={"help": "questions in flight"})
    shard: str | None = field(
        default=None,
        metadata={
            "help": "i/n: only make the calls of every n-th question, from the i-th (0 is first), into the ledger; a "
            "run without it then puts the dataset together"
        },
    )
    inference_dtype: str | None = field(
        default=None, metadata={"help": "transformers: dtype of a model that only writes; default is as dtype"}
    )
    generation_batch_size: int = field(default=36, metadata={"help": "transformers: rows decoded at once"})
    prefix_cache_gb: float = field(default=1.0, metadata={"help": "transformers: memory for prompts seen before"})
    device_map: str | None = field(
        default=None, metadata={"help": "transformers: auto spreads the model over the devices there are"}
    )
    server_url: str | None = field(
        default=None, metadata={"help": "server: its address, e.g. http://localhost:8000/v1"}
    )
    server_model: str | None = field(
        default=None, metadata={"help": "server: the model's name there; default is model_name_or_path"}
    )
    server_concurrency: int = field(default=32, metadata={"help": "server: calls in flight"})
    server_timeout_s: float = field(default=120.0, metadata={"help": "server: seconds until a call is tried again"})
    server_retries: int = field(default=5, metadata={"help": "server: tries after the first, with growing pauses"})
    server_key_variable: str = field(
        default="OPENAI_API_KEY", metadata={"help": "server: environment variable that holds the key, if one is needed"}
    )
    server_choices: str = field(
        default="auto", metadata={"help": "server: how a choice is constrained: auto, json_schema, choice or none"}
    )


@dataclass
class DemonstrateArguments:
    """How demonstrations are written and chosen. Defaults are the paper's where it has a value."""

    strategy: str = field(default="self_demo", metadata={"help": "self_demo, or a baseline: ra_it or raft"})
    rag_candidates: int = field(default=3, metadata={"help": "candidates written with the passages"})
    closed_book_candidates: int = field(default=3, metadata={"help": "candidates written without passages"})
    refusal_candidates: int = field(default=3, metadata={"help": "candidates that decline"})
    refusal_prompts: int = field(default=3, metadata={"help": "different prompts for these, up to 3; the paper has 1"})
    temperature: float = field(default=1.0, metadata={"help": "of candidate sampling"})
    greedy_first: bool = field(default=False, metadata={"help": "write the first candidate of each kind greedily"})
    max_candidate_tokens: int = field(default=1000, metadata={"help": "longest candidate, in tokens"})
    summarise: bool = field(
        default=False, metadata={"help": "answer first, then say it in short (the paper); short answers need it not"}
    )
    instructions_as_system: bool = field(
        default=False,
        metadata={"help": "searched prompts stand in the system turn (the paper), else after the question"},
    )
    abstain_when: str = field(
        default="nothing_right",
        metadata={"help": "nothing_right (the paper), or not_in_context: never where the passages hold the answer"},
    )
    answer_when: str = field(
        default="right",
        metadata={"help": "right (the paper), or in_context: what the passages do not hold is declined, right or not"},
    )
    gold_fallback: bool = field(
        default=False,
        metadata={
            "help": "where nothing right was written although the passages hold the answer, train the gold answer"
        },
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
    pair_policy: str = field(
        default="first_round_loser",
        metadata={"help": "what is rejected: first_round_loser, wrong_answer, false_refusal, other_label or gold"},
    )
    match_pair_length: bool = field(default=False, metadata={"help": "reject the loser nearest the winner's length"})
    oracle_share: float = field(default=0.8, metadata={"help": "raft: rows that keep the passages with the answer"})
    on_policy_rows: int = field(default=32, metadata={"help": "rows measured for the on-policy figure; 0 for none"})
    demonstrate_seed: int = field(default=0, metadata={"help": "seed of sampling and of every draw among candidates"})


@dataclass
class JudgeArguments:
    """Who decides which candidate is best. Defaults are the paper's where it has a value."""

    judge: str = field(
        default="answer_match",
        metadata={"help": "answer_match, llm_label, match_then_llm or tournament (the paper); the model judges itself"},
    )
    bracket_size: int = field(default=3, metadata={"help": "candidates compared in one match of the tournament"})
    judge_passages: int = field(default=4, metadata={"help": "passages that a judging model sees"})
    judge_tries: int = field(default=5, metadata={"help": "times that a verdict nobody can read is asked for"})
    judge_orders: int = field(
        default=1, metadata={"help": "orders in which a match is shown; more even out a liking for the first"}
    )
    judge_reasoning: bool = field(
        default=False, metadata={"help": "let it think aloud before its verdict (the paper), instead of only choosing"}
    )
    max_judge_tokens: int = field(default=1000, metadata={"help": "longest reasoning of a judge, in tokens"})
    unverified_winners: str = field(
        default="keep", metadata={"help": "winners of a tournament not found right: keep (the paper) or drop"}
    )


@dataclass
class TrainArguments:
    """What is trained, from where, and how often. How, say the keys of TRL's configuration."""

    objective: str = field(
        default="sft", metadata={"help": "sft (the demonstrations), or dpo (their pairs of chosen and rejected texts)"}
    )
    start_from: str | None = field(
        default=None,
        metadata={"help": "folder of an adapter or model that was trained before, to go on from; e.g. sft, then dpo"},
    )
    num_rounds: int = field(
        default=1,
        metadata={
            "help": "rounds of demonstrating and training in `run`; from the second on, the model of the round before "
            "writes and is trained further"
        },
    )
    max_refusal_rise: float = field(
        default=0.1,
        metadata={
            "help": "stop the rounds when, among replies to questions whose passages hold the answer, the share of "
            "unasked-for refusals is more than this above the round before"
        },
    )


@dataclass
class PromptSearchArguments:
    """Search for the wording of the candidates' prompts. Defaults are the paper's."""

    prompt_search: bool = field(default=False, metadata={"help": "search before demonstrating, in output_dir/prompts"})
    prompts_dir: str | None = field(default=None, metadata={"help": "use the prompts that another search left here"})
    search_train_examples: int = field(default=30, metadata={"help": "questions on which prompts are compared"})
    search_eval_examples: int = field(default=30, metadata={"help": "other questions, on which all are ranked at last"})
    search_shuffle_window: int = field(default=400, metadata={"help": "both are drawn from so many first questions"})
    search_steps: int = field(default=5, metadata={"help": "rounds of rewriting"})
    search_topk: int = field(default=5, metadata={"help": "prompts rewritten in a round"})
    search_beam_size: int = field(default=12, metadata={"help": "rewrites in a round, shared out among those"})
    search_answer_temperature: float = field(default=0.5, metadata={"help": "of the answers that are scored"})
    search_rewrite_temperature: float = field(default=1.0, metadata={"help": "of the rewriting"})
    max_search_answer_tokens: int = field(default=1000, metadata={"help": "longest answer in a search, in tokens"})
    search_seed: int = field(default=0, metadata={"help": "seed of the draw of examples and of the sampling"})


@dataclass
class PlanArguments:
    """What `hf-selfdemo plan` measures and prices, and the device that it has in mind."""

    plan_questions: int = field(
        default=8,
        metadata={
            "help": "questions really asked to measure by; their calls are kept for the run. 0: none, and no weights "
            "are loaded or fetched"
        },
    )
    price_prompt: float = field(default=0.0, metadata={"help": "price of a million prompt tokens"})
    price_cached: float | None = field(
        default=None, metadata={"help": "of a million cached prompt tokens; default is as for others"}
    )
    price_generated: float = field(default=0.0, metadata={"help": "price of a million generated tokens"})
    device_memory_gb: float = field(
        default=0.0, metadata={"help": "memory of the device that is planned for; 0: not compared with what is needed"}
    )
    device_tflops: float = field(
        default=0.0,
        metadata={"help": "its dense bfloat16 peak in TFLOP/s, e.g. 312 (A100) or 989 (H100); 0: no hours are told"},
    )
    device_utilisation: float = field(
        default=0.3, metadata={"help": "share of that peak that is assumed to be reached"}
    )


@dataclass
class EvaluateArguments:
    """How models are compared."""

    evaluate_modes: list[str] = field(
        default_factory=lambda: ["rag", "closed_book"], metadata={"help": "with passages, without, or both"}
    )
    evaluate_on: str = field(
        default="test", metadata={"help": "test questions, or dev: to choose settings without having seen test"}
    )
    evaluate_plain: bool = field(
        default=False,
        metadata={"help": "a column more: the base model under a prompt that does not speak of declining"},
    )
    evaluate_judge: str = field(
        default="answer_match", metadata={"help": "who labels replies; an LLM judge is always the base model"}
    )
    max_answer_tokens: int = field(default=32, metadata={"help": "longest reply, in tokens"})
    adapters: list[str] = field(
        default_factory=list,
        metadata={"help": "name=folder pairs of tuned models; default is what was trained in output_dir, every round"},
    )
    compare: list[str] = field(
        default_factory=list,
        metadata={
            "help": "compare finished evaluations instead: columns of this run's, or name=folder (or "
            "name=folder:column) of other runs; the first is what the others are compared with"
        },
    )
    predictions_shown: int = field(default=0, metadata={"help": "print so many example replies"})


@dataclass
class AbilityArguments:
    """What else the models can do: a light check beside the evaluation, nothing unless asked for."""

    choice_questions: str | None = field(
        default=None,
        metadata={"help": "multiple-choice questions: embedded, a file, a dataset folder or Hub id; none: not checked"},
    )
    choice_split: str = field(default="test", metadata={"help": "split of choice_questions, where there are splits"})
    choice_config: str | None = field(default=None, metadata={"help": "configuration name of a Hub dataset of them"})
    choice_preset: str = field(default="mmlu", metadata={"help": "their columns: mmlu or arc"})
    choice_columns: list[str] = field(
        default_factory=list,
        metadata={"help": "role=column pairs over the preset (question, choices, answer), e.g. choices=endings"},
    )
    max_choice_questions: int = field(default=-1, metadata={"help": "so many of them, drawn by a seed; -1 for all"})
    instruction_prompts: str | None = field(
        default=None,
        metadata={
            "help": "instructions that the base model answers, to see how likely its replies are after training; "
            "sources as for choice_questions; none: not checked"
        },
    )
    instruction_split: str = field(
        default="test", metadata={"help": "split of instruction_prompts, where there are splits"}
    )
    instruction_config: str | None = field(
        default=None, metadata={"help": "configuration name of a Hub dataset of them"}
    )
    instruction_columns: list[str] = field(
        default_factory=lambda: ["instruction"],
        metadata={"help": "column with a text or a list of chat turns; texts of several are put below each other"},
    )
    max_instruction_prompts: int = field(default=-1, metadata={"help": "so many of them, drawn by a seed; -1 for all"})
    max_instruction_tokens: int = field(default=64, metadata={"help": "longest reply to them, in tokens"})


@dataclass
class ExportArguments:
    """What `hf-selfdemo export` writes for other evaluation tools."""

    export_to: str = field(
        default="lm_eval", metadata={"help": "lm_eval (tasks for lm-evaluation-harness) or ragas (rows for ragas)"}
    )


@dataclass
class AppArguments:
    """Where `hf-selfdemo app` listens."""

    app_host: str = field(
        default="127.0.0.1", metadata={"help": "address: 127.0.0.1 for this machine alone, 0.0.0.0 for everybody"}
    )
    app_port: int = field(default=7860, metadata={"help": "port of the page"})
    app_names: list[str] = field(
        default_factory=list, metadata={"help": "other names under which the page is reached, as that of a proxy"}
    )


@dataclass
class PushArguments:
    """What `hf-selfdemo push` puts on the Hub, and where."""

    artefacts: list[str] = field(
        default_factory=lambda: ["dataset", "model"],
        metadata={"help": "any of dataset, model, metrics, index, space: a repository and a commit each, metrics two"},
    )
    hub_namespace: str | None = field(
        default=None, metadata={"help": "user or organisation to push to; default is the token's owner"}
    )
    hub_dataset_id: str | None = field(
        default=None, metadata={"help": "name of the dataset, with or without its owner; default is from output_dir"}
    )
    hub_index_id: str | None = field(default=None, metadata={"help": "as hub_dataset_id, for the index"})
    hub_space_id: str | None = field(default=None, metadata={"help": "as hub_dataset_id, for the app over the run"})
    private: bool = field(default=False, metadata={"help": "make new repositories private, as hub_private_repo does"})
    dry_run: bool = field(
        default=False, metadata={"help": "show files, sizes and cards, and what would be refused; nothing is sent"}
    )
    merge_adapter: bool = field(default=False, metadata={"help": "push the model whole, the adapter merged into it"})
    source_license: str | None = field(
        default=None, metadata={"help": "licence of questions and passages, e.g. cc-by-sa-4.0; none for embedded ones"}
    )
    model_license: str | None = field(default=None, metadata={"help": "licence of the trained model"})
    hub_languages: list[str] = field(default_factory=lambda: ["en"], metadata={"help": "ISO codes, for the cards"})
    hub_base_model: str | None = field(
        default=None, metadata={"help": "Hub id of the model that was trained on, where a folder was named"}
    )
    hub_benchmark: str | None = field(
        default=None, metadata={"help": "Hub id of the benchmark that test_questions are, for .eval_results"}
    )
    max_shard_size: str = field(default="500MB", metadata={"help": "largest Parquet file, before compression"})
