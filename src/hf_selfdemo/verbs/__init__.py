"""The verbs: what each does with a parsed recipe. Everything lands under `output_dir`.

output_dir/.lock             held while a verb is at work: one start at a time
output_dir/ledger.sqlite     every call made to a model
output_dir/documents/        corpus and questions made from documents
output_dir/prompts/          searched prompts, if asked for
output_dir/demonstrations/   the dataset and how it came about
output_dir/model/            the adapter, its manifest, and its operating point if one was chosen
output_dir/retriever/        an adapter for searching, with `objective: retriever`
output_dir/rounds/           the same two folders for each round after the first, and what became of the rounds
output_dir/gate.json         when the expensive way of answering is worth asking, if a gate was fitted
output_dir/evaluation/       replies, table.md, figures.json
output_dir/merged/           the adapter merged into its base, a whole model
output_dir/scores/           predictions of a file with their labels, their table and report
output_dir/export/           the evaluation for other tools
output_dir/hub/              what is made for the Hub alone: Parquet shards, merged weights, an index
"""

STAGES = {
    "documents": "hf_selfdemo.verbs.documents:run_documents",
    "questions": "hf_selfdemo.verbs.questions:run_questions",
    "plan": "hf_selfdemo.verbs.plan:run_plan",
    "prompts": "hf_selfdemo.verbs.prompts:run_prompts",
    "demonstrate": "hf_selfdemo.verbs.demonstrate:run_demonstrate",
    "preflight": "hf_selfdemo.verbs.preflight:run_preflight",
    "train": "hf_selfdemo.verbs.train:run_train",
    "rounds": "hf_selfdemo.verbs.rounds:run_rounds",
    "evaluate": "hf_selfdemo.verbs.evaluate:run_evaluate",
    "operating_point": "hf_selfdemo.verbs.operating_point:run_operating_point",
    "point_within_run": "hf_selfdemo.verbs.operating_point:point_within_run",
    "gate": "hf_selfdemo.verbs.gate:run_gate",
    "gate_within_run": "hf_selfdemo.verbs.gate:gate_within_run",
    "export": "hf_selfdemo.verbs.export:run_export",
    "push": "hf_selfdemo.verbs.push:run_push",
    "merge": "hf_selfdemo.verbs.merge:run_merge",
    "score": "hf_selfdemo.verbs.score:run_score",
    "ask": "hf_selfdemo.verbs.ask:run_ask",
    "app": "hf_selfdemo.verbs.app:run_app",
    "ledger": "hf_selfdemo.verbs.ledger:run_ledger",
}

VERBS = {verb: (verb,) for verb in STAGES if not verb.endswith("_within_run")} | {
    "run": ("rounds", "point_within_run", "gate_within_run", "evaluate")
}
"""What each command runs, in order; every stage goes on from what it finds."""

FIRST_WORD = {"ask": "question", "score": "predictions"}
"""The key that may stand right behind a command without its name."""

WITHOUT_RECIPE = {
    "runs": "hf_selfdemo.verbs.runs:run_runs",
    "recipes": "hf_selfdemo.recipe.recipes:run_recipes",
    "schema": "hf_selfdemo.recipe.schema:run_schema",
}
"""Verbs that take words of their own instead of a recipe."""

TRAINING = frozenset({"prompts", "demonstrate", "preflight", "train", "rounds", "operating_point", "point_within_run"})
"""Stages on the way to trained weights or over them, which a method that trains nothing does without."""

FROM_DOCUMENTS = frozenset({"plan", "prompts", "demonstrate", "train", "rounds", "evaluate", "operating_point", "gate"})
"""Verbs that use the passages and questions of documents, and refuse those of other documents."""
