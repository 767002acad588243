"""Critics of replies, one per file, and the class that joins several of them.

They are separate from judges: a judge's identity is a hash of the folders `scoring` and `judging`, and critics do not
affect its labels.
"""

CRITICS = {
    "cites": "hf_selfdemo.methods.critics.cites:Cites",
    "grounded": "hf_selfdemo.methods.critics.grounded:Grounded",
    "at_most_words": "hf_selfdemo.methods.critics.at_most_words:AtMostWords",
    "declines_right": "hf_selfdemo.methods.critics.declines_right:DeclinesRight",
}
