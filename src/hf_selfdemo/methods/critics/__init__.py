"""Critics of replies: one file a critic, and what joins several of them.

They stand apart from judges: who a judge is follows from the folders `scoring` and `judging`, and a critic's words
change none of its labels.
"""

CRITICS = {
    "cites": "hf_selfdemo.methods.critics.cites:Cites",
    "grounded": "hf_selfdemo.methods.critics.grounded:Grounded",
    "at_most_words": "hf_selfdemo.methods.critics.at_most_words:AtMostWords",
    "declines_right": "hf_selfdemo.methods.critics.declines_right:DeclinesRight",
}
