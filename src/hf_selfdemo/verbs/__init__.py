"""The commands: what each does with a parsed recipe. They write everything into `output_dir`.

output_dir/.lock             held while a command is running, so that only one runs at a time
output_dir/ledger.sqlite     the generation cache: every call to a model
output_dir/documents/        corpus and questions made from documents
output_dir/prompts/          searched prompts, if the recipe asks for them
output_dir/demonstrations/   the dataset, its candidates and its manifest
output_dir/model/            the adapter, its manifest, and its operating point if one was chosen
output_dir/retriever/        the adapter of a retriever, with `objective: retriever`
output_dir/rounds/           demonstrations and model of each round after the first, and a manifest of the rounds
output_dir/gate.json         the gate, if one was fitted
output_dir/evaluation/       replies, table.md, figures.json, report.html
output_dir/merged/           the full model, with the adapter merged into its base
output_dir/scores/           labels of the predictions in a file, their table and report
output_dir/export/           the evaluation for other tools
output_dir/hub/              files made only for the Hub: Parquet shards, merged weights, an index
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
"""The stages that each command runs, in order. Each stage continues from the files that it finds."""

WITHOUT_RECIPE = {
    "runs": "hf_selfdemo.verbs.runs:run_runs",
    "recipes": "hf_selfdemo.recipe.recipes:run_recipes",
    "schema": "hf_selfdemo.recipe.schema:run_schema",
}
"""Commands that take arguments of their own instead of a recipe."""

TRAINING = frozenset({"prompts", "demonstrate", "preflight", "train", "rounds", "operating_point", "point_within_run"})
"""Stages that make or use trained weights. They are skipped for a method that trains nothing."""

FROM_DOCUMENTS = frozenset({"plan", "prompts", "demonstrate", "train", "rounds", "evaluate", "operating_point", "gate"})
"""Commands that use passages and questions made from documents, and reject those of other documents."""
