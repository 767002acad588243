"""The judges, which label candidates as correct, incorrect or abstaining. They implement the `Judge` protocol."""

JUDGES = {
    "answer_match": "hf_selfdemo.judging.answer_match:AnswerMatchJudge",
    "llm_label": "hf_selfdemo.judging.llm_label:LlmLabelJudge",
    "match_then_llm": "hf_selfdemo.judging.match_then_llm:MatchThenLlmJudge",
    "tournament": "hf_selfdemo.judging.tournament:TournamentJudge",
}
