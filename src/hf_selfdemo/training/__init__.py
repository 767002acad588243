"""Training on structured demonstrations: thin trainers over TRL's, and what only structured rows make possible.

views.py collator.py     how one epoch shows a row, and batches of such rows
preflight/               checks before the first step
sft.py dpo.py grpo.py    the trainers over TRL's; base.py has what they share
arguments.py given.py    the options beyond TRL's own, and the rows that a trainer accepts
generated.py meter.py    dev questions and likelihoods, measured while training pauses (paused.py)
checkpoints.py card.py   checkpoints with a note of their settings, and the README of a trained model
quantised.py             adapters on 4-bit and 8-bit weights
last_columns.py          scoring only the columns that contain replies
retriever.py             an adapter for retrieval, trained on ranked lists (ranking_loss.py)
"""
