"""A number that a caller of the library gives is refused where it is given, by the parameter's name."""

import math

import pytest
from datasets import Dataset

from hf_selfdemo import (
    AnswerMatchJudge,
    BM25Retriever,
    GeneratedEvaluation,
    LlmLabelJudge,
    MatchThenLlmJudge,
    OnPolicyMeter,
    Passage,
    Request,
    ScriptedGenerator,
    SearchSettings,
    SelfDemo,
    SelfDemoDataCollator,
    ServerGenerator,
    TournamentJudge,
    TransformersGenerator,
    UserError,
    collect_evidence,
    converse,
    demonstrate,
    leave_gold_out,
    predict,
)
from hf_selfdemo.app.asking import Asking
from hf_selfdemo.data.retrieval.given import GivenRetriever
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.generation.sampling import Sampler
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.raft import Distractors
from hf_selfdemo.methods.self_demo import Choosing, Sampling
from hf_selfdemo.training.views import Views

SERVER = "http://localhost:1/v1"
CORPUS = [Passage("1", "The Seine flows through Paris.")]
NO_ROWS = Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)


def demonstrated(folder, **numbers):
    return demonstrate([], SelfDemo(), ScriptedGenerator(), AnswerMatchJudge(), folder, **numbers)


def asked(**numbers):
    return predict([], ScriptedGenerator(), AnswerMatchJudge(), "rag", **numbers)


CASES = [
    (Sampling, "rag_candidates", -1),
    (Sampling, "closed_book_candidates", -1),
    (Sampling, "refusal_candidates", -1),
    (Sampling, "refusal_prompts", 0),
    (Sampling, "refusal_prompts", 4),
    (Sampling, "temperature", -1),
    (Sampling, "max_candidate_tokens", 0),
    (Choosing, "max_abstain_share", 1.5),
    (Choosing, "replay_share", -0.1),
    (Distractors, "oracle_share", 1.5),
    (lambda **n: Request("1", (), "rag", **n), "temperature", -1),
    (lambda **n: Request("1", (), "rag", **n), "max_new_tokens", 0),
    (lambda temperature: Sampler([1.0, temperature], [0, 0]), "temperature", -1),
    (AnswerMatchJudge, "max_words", 0),
    (LlmLabelJudge, "tries", 0),
    (LlmLabelJudge, "max_new_tokens", 0),
    (LlmLabelJudge, "passages", -1),
    (MatchThenLlmJudge, "tries", 0),
    (MatchThenLlmJudge, "max_words", 0),
    (TournamentJudge, "bracket", 1),
    (TournamentJudge, "orders", 0),
    (TournamentJudge, "passages", -1),
    (TournamentJudge, "max_new_tokens", 0),
    (lambda **n: BM25Retriever(CORPUS, **n), "k1", -1),
    (lambda **n: BM25Retriever(CORPUS, **n), "b", 2),
    (lambda k: collect_evidence([], GivenRetriever(), k), "k", 0),
    (lambda k: leave_gold_out([], GivenRetriever(), k), "k", 0),
    (
        lambda **n: ServerGenerator("http://localhost:1/v1", "m", concurrency=n["server_concurrency"]),
        "server_concurrency",
        0,
    ),
    (lambda **n: ServerGenerator("http://localhost:1/v1", "m", timeout_s=n["server_timeout_s"]), "server_timeout_s", 0),
    (lambda **n: ServerGenerator("http://localhost:1/v1", "m", max_retries=n["server_retries"]), "server_retries", -1),
    (lambda **n: TransformersGenerator(None, None, **n), "batch_size", 0),
    (lambda **n: TransformersGenerator(None, None, **n), "prefix_cache_gb", -1),
    (lambda **n: TransformersGenerator(None, None, **n), "max_prompt_tokens", 0),
    (lambda **n: text_nll(None, [], **n), "batch_size", -1),
    (lambda **n: converse([], ScriptedGenerator(), **n), "window", 0),
    (asked, "window", 0),
    (PromptAnswerer, "max_answer_tokens", 0),
    (SearchSettings, "steps", -1),
    (SearchSettings, "shuffle_window", 0),
    (SearchSettings, "answer_temperature", -1),
    (lambda passage_dropout: Views(dropout=passage_dropout), "passage_dropout", 1.5),
    (lambda **n: SelfDemoDataCollator(None, **n), "max_length", 0),
    (lambda **n: SelfDemoDataCollator(None, **n), "closed_book_share", -0.1),
    (lambda **n: GeneratedEvaluation(None, **n), "batch_size", 0),
    (lambda **n: GeneratedEvaluation(None, **n), "max_new_tokens", 0),
    (lambda **n: OnPolicyMeter(NO_ROWS, None, **n), "count", -1),
    (lambda **n: OnPolicyMeter(NO_ROWS, None, **n), "seed", -1),
    (lambda **n: Asking({}, **n), "max_answer_tokens", 0),
]


@pytest.mark.parametrize(("made", "name", "number"), CASES, ids=[f"{i}-{name}" for i, (_, name, _) in enumerate(CASES)])
def test_numbers_that_cannot_be_meant_are_refused_by_name(made, name, number):
    for wrong in (number, math.nan, True, "many"):
        with pytest.raises(UserError, match=rf"^{name} is [^\n]+: give "):
            made(**{name: wrong})


def test_demonstrating_refuses_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"^window is "):
        demonstrated(tmp_path / "made", window=0)
    assert not (tmp_path / "made").exists()
