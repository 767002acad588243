"""Who decides whether a candidate is right: a judge behind the `Judge` protocol."""

JUDGES = {"answer_match": "hf_selfdemo.judging.answer_match:AnswerMatchJudge"}
