"""Generators, which run the model. They follow the `Generator` protocol."""

GENERATORS = {
    "transformers": "hf_selfdemo.generation.transformers:TransformersGenerator",
    "server": "hf_selfdemo.generation.server:ServerGenerator",
    "scripted": "hf_selfdemo.generation.scripted:ScriptedGenerator",
}
