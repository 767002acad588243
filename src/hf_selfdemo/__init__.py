"""Post-train a language model for RAG on its own demonstrations. See the README for a tour.

Names are imported when first used, so that `import hf_selfdemo` costs next to nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "Candidate": "types",
    "Demonstration": "types",
    "Evidence": "types",
    "Passage": "types",
    "Prediction": "types",
    "Question": "types",
    "Reply": "types",
    "Request": "types",
    "Verdict": "types",
    "UserError": "errors",
    "Ledger": "ledger",
    "ask": "conversation",
    "converse": "conversation",
    "read_questions": "questions.reading",
    "read_passages": "questions.passages",
    "collect_evidence": "retrieval.evidence",
    "leave_gold_out": "retrieval.evidence",
    "BM25Retriever": "retrieval.bm25",
    "TransformersGenerator": "generation.transformers",
    "ServerGenerator": "generation.server",
    "ScriptedGenerator": "generation.scripted",
    "RecordedGenerator": "generation.recorded",
    "AnswerMatchJudge": "judging.answer_match",
    "LlmLabelJudge": "judging.llm_label",
    "MatchThenLlmJudge": "judging.match_then_llm",
    "TournamentJudge": "judging.tournament",
    "SelfDemo": "strategies.self_demo",
    "RaIt": "strategies.ra_it",
    "Raft": "strategies.raft",
    "search_prompts": "prompt_search",
    "SearchSettings": "prompt_search",
    "demonstrate": "demonstrations",
    "SelfDemoBuilder": "builder",
    "SelfDemoDataCollator": "training.collator",
    "SelfDemoConfig": "training.sft",
    "SelfDemoTrainer": "training.sft",
    "SelfDemoDPOConfig": "training.dpo",
    "SelfDemoDPOTrainer": "training.dpo",
    "preflight": "training.preflight",
    "examine": "training.preflight",
    "GeneratedEvaluation": "training.generated",
    "OnPolicyMeter": "training.meter",
    "to_trl": "trl_columns",
    "predict": "evaluation",
    "figures": "scoring.outcomes",
    "answers_match": "scoring.answers.match",
    "is_refusal": "scoring.refusal",
    "agreement": "scoring.agreement",
    "lambda_score": "scoring.abstention",
    "retrieval_figures": "metrics.retrieval",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hf_selfdemo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hf_selfdemo.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
