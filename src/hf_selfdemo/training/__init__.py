"""Training on structured demonstrations: what is thin over TRL, and what only structured rows allow.

views.py collator.py     a row as one epoch shows it, and batches of such rows
preflight/               what must hold before the first step
sft.py dpo.py base.py    the two trainers over TRL's, and what they have in common
arguments.py given.py    their keys beyond TRL's own, and the rows they take
generated.py meter.py    dev questions asked, and likelihoods followed, while training pauses (paused.py)
checkpoints.py card.py   checkpoints that say what they are of, and a card beside the result
quantised.py             adapters on 4-bit and 8-bit weights
last_columns.py          scoring only the columns that hold replies
retriever.py             an adapter for searching, on ranked lists (ranking_loss.py)
"""
