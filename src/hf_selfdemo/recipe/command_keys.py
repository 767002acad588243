"""Options that only one command reads. They do not change what a run makes."""

from __future__ import annotations

from dataclasses import dataclass

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, PORT, SHARE_ABOVE_ZERO, ZERO_OR_MORE


@dataclass
class PlanArguments:
    """`hf-selfdemo plan`: what it measures, prices and assumes about the device."""

    plan_questions: int = key(
        8,
        "number of questions asked as a measurement; their calls are stored for the run. 0: no question is asked and "
        "no weights are downloaded",
        "nothing",
        ZERO_OR_MORE,
    )
    price_prompt: float = key(0.0, "price of a million prompt tokens", "nothing", NOT_NEGATIVE)
    price_cached: float | None = key(
        None, "price of a million cached prompt tokens; default: as price_prompt", "nothing", NOT_NEGATIVE
    )
    price_generated: float = key(0.0, "price of a million generated tokens", "nothing", NOT_NEGATIVE)
    device_memory_gb: float = key(0.0, "memory of the device to plan for; 0: no comparison", "nothing", NOT_NEGATIVE)
    device_tflops: float = key(
        0.0,
        "dense bfloat16 peak of the device in TFLOP/s, e.g. 312 (A100) or 989 (H100); 0: no time is estimated",
        "nothing",
        NOT_NEGATIVE,
    )
    device_utilisation: float = key(
        0.3, "share of device_tflops that is assumed to be reached", "nothing", SHARE_ABOVE_ZERO
    )
    device_count: int = key(
        1, "number of such devices that share the work evenly, as ray_workers or shards do", "nothing", ONE_OR_MORE
    )


@dataclass
class ExportArguments:
    """`hf-selfdemo export`: the evaluation in other tools."""

    export_to: str = key("lm_eval", "lm_eval (tasks for lm-evaluation-harness) or ragas (rows for ragas)", "nothing")


@dataclass
class MergeArguments:
    """`hf-selfdemo merge`: the adapter merged into its base model."""

    merge_to: str | None = key(None, "folder of the merged model; default: output_dir/merged", "nothing")
    merge_prompts: int = key(
        16,
        "number of test questions to ask with the adapter and with the merged model, to compare the replies",
        "nothing",
        ONE_OR_MORE,
    )
    max_changed_replies: int = key(
        0, "highest number of replies that may differ; if more differ, nothing is written", "nothing", ZERO_OR_MORE
    )


@dataclass
class ScoreArguments:
    """`hf-selfdemo score`: a file of replies to judge."""

    predictions: str | None = key(
        None, "file with questions, gold answers and replies, in any format of test_questions", "nothing"
    )
    reply_columns: list[str] = key(["reply"], "columns with replies, one for each model", "nothing")


@dataclass
class AskArguments:
    """`hf-selfdemo ask`: a question in the terminal."""

    question: str | None = key(None, "the question; default: a session that reads one question per line", "nothing")


@dataclass
class AppArguments:
    """`hf-selfdemo app`: where it listens."""

    app_host: str = key(
        "127.0.0.1",
        "address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for everyone who can reach it",
        "nothing",
    )
    app_port: int = key(7860, "port to listen on", "nothing", PORT)
    app_names: list[str] = key([], "further host names of the page, such as that of a proxy", "nothing")


@dataclass
class PushArguments:
    """`hf-selfdemo push`: what goes to the Hub, and where."""

    artefacts: list[str] = key(
        ["dataset", "model"],
        "any of dataset, model, metrics, index, space, retriever; each is a repository and a commit, metrics are two",
        "nothing",
    )
    hub_namespace: str | None = key(None, "user or organisation to push to; default: the token's owner", "nothing")
    hub_dataset_id: str | None = key(
        None, "name of the dataset, with or without its owner; default: from output_dir", "nothing"
    )
    hub_index_id: str | None = key(None, "as hub_dataset_id, for the index", "nothing")
    hub_retriever_id: str | None = key(None, "as hub_dataset_id, for a trained retriever", "nothing")
    hub_space_id: str | None = key(None, "as hub_dataset_id, for the app", "nothing")
    private: bool | None = key(
        None,
        "make new repositories private, or public (false); default: private, unless all passages are the embedded ones",
        "nothing",
    )
    dry_run: bool = key(
        False, "show what would be pushed and rejected, and write the cards into a folder; nothing is sent", "nothing"
    )
    merge_adapter: bool = key(False, "push the whole model, with the adapter merged into it", "nothing")
    source_license: str | None = key(
        None, "licence of questions and passages, e.g. cc-by-sa-4.0; not needed for the embedded ones", "nothing"
    )
    model_license: str | None = key(None, "licence of the trained model", "nothing")
    hub_languages: list[str] = key(["en"], "ISO codes of the languages, for the cards", "nothing")
    hub_base_model: str | None = key(None, "Hub id of the base model, if model_name_or_path is a folder", "nothing")
    hub_benchmark: str | None = key(None, "Hub id of the benchmark of test_questions, for .eval_results", "nothing")
    max_shard_size: str = key("500MB", "largest Parquet file, before compression", "nothing")
