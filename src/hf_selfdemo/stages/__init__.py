"""The verbs: what each does with a parsed recipe. Everything lands under `output_dir`.

output_dir/demonstrations/   the dataset and how it came about
output_dir/model/            the adapter and its manifest
output_dir/evaluation/       replies, table.md, figures.json
"""

STAGES = {
    "demonstrate": "hf_selfdemo.stages.demonstrate:run_demonstrate",
    "train": "hf_selfdemo.stages.train:run_train",
    "evaluate": "hf_selfdemo.stages.evaluate:run_evaluate",
}

VERBS = {verb: (verb,) for verb in STAGES} | {"run": tuple(STAGES)}
"""What each command runs, in order; every stage goes on from what it finds."""
