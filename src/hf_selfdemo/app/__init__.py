"""A page to look into a run and to ask its models, made with gradio; it needs the extra `app`.

demonstrations.py   what was written for each training question, found again by what came of it
replies.py          what the models said to the test questions, found again by what changed
asking.py           questions of one's own to the models, with passages from the corpus
fragments.py        all of that as HTML, every text escaped
page.py             the page: what is where, and what happens when it is used
listing.py          a list of rows, some at a time
serving.py          the page on the network: what it may fetch, and who is let in
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: it would tell its makers of every start
