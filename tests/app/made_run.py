"""Rows and replies that were made up, with texts that would like to be more than text."""

from hf_selfdemo.core.types import Evidence, Passage, Question

HOSTILE = (
    '<img src=x onerror="window.struck=1"> <script>window.struck=1</script> <a href="javascript:window.struck=1">x</a> '
    "[x](javascript:window.struck=1) **bold** ${window.struck=1} {{value}} {% raw %} \u202ebackwards &amp; </details>"
)
LABELS = ("correct", "incorrect", "abstain")


def rows(count=24):
    """Every third question is answered by its passage; the first is hostile in all that can be."""
    found = []
    for i in range(count):
        text = f"It was built by Builder{i} in 19{i:02}." if i % 3 == 0 else "Nobody wrote down who built it."
        question = Question(f"q{i}", f"Who built tower number {i}?", (f"Builder{i}",))
        found.append(Evidence(question, (Passage(f"p{i}", text, f"Tower {i}"),), answer_in_context=i % 3 == 0))
    first = Question(f"q0 {HOSTILE}", f"Who built tower number 0? {HOSTILE}", ("Builder0", HOSTILE))
    shown = (Passage("p0", f"Builder0 built it. {HOSTILE}", HOSTILE), Passage("p00", "Nothing at all.", ""))
    return [Evidence(first, shown, answer_in_context=True), *found[1:]]


def said(request):
    """A model that reads its passages, mostly."""
    if request.stage == "refusal":
        return "The passages do not say."
    number = request.id.removeprefix("q").partition("/")[0].partition(" ")[0].partition("#")[0]
    return (
        f"Builder{number} did. {HOSTILE}" if "Builder" in request.messages[-1]["content"] else "It was somebody else."
    )
