"""Train on demonstrations in a plain TRL script, with TRL's own keys in YAML or on the command line.

    python examples/trl_script.py --config examples/trl_script.yaml --learning_rate 1e-4

This is TRL's `sft.py` with two names changed: `SelfDemoConfig` for `SFTConfig` and `SelfDemoTrainer` for `SFTTrainer`.
They add a few keys (`passage_order`, `passage_dropout`, `leave_gold_out_share` and others, see --help) and, before the
first step, a look at every row.
"""

from transformers import AutoTokenizer
from trl import DatasetMixtureConfig, ModelConfig, TrlParser, get_dataset, get_peft_config

from hf_selfdemo import SelfDemoConfig, SelfDemoTrainer

if __name__ == "__main__":
    parser = TrlParser((DatasetMixtureConfig, SelfDemoConfig, ModelConfig))
    data, training, model = parser.parse_args_and_config()

    # Structured rows, with passages as passages: what `hf-selfdemo demonstrate` leaves in demonstrations/train.parquet,
    # and the configuration `structured` of a pushed dataset. `prompt` and `completion` come about batch by batch.
    dataset = get_dataset(data)

    trainer = SelfDemoTrainer(
        model.model_name_or_path,  # or a loaded model
        training,
        train_dataset=dataset["train"],
        processing_class=AutoTokenizer.from_pretrained(model.model_name_or_path),
        peft_config=get_peft_config(model),
    )
    trainer.train()
    trainer.save_model()
