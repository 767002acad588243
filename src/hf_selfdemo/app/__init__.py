"""The web page to browse a run and to ask its models, made with gradio. It needs the extra `app`.

demonstrations.py   search the candidates of each training question
replies.py          search the replies of the models to the test questions
asking.py           ask the models new questions, with passages from the corpus
fragments.py        HTML of all these, with every text escaped
page.py             the page and its events
listing.py          a list of rows with pages
serving.py          serve the page, with limits on what it loads and who can reach it
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, since it reports every start
