"""Who writes the texts: an engine behind the `Generator` protocol."""

GENERATORS = {
    "transformers": "hf_selfdemo.generation.transformers:TransformersGenerator",
    "scripted": "hf_selfdemo.generation.scripted:ScriptedGenerator",
}
