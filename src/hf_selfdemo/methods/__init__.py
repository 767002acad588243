"""Methods, one per file: what to ask the model and which reply to train on. Also the pipeline that runs them."""

METHODS = {
    "self_demo": "hf_selfdemo.methods.self_demo:METHOD",
    "ra_it": "hf_selfdemo.methods.ra_it:METHOD",
    "raft": "hf_selfdemo.methods.raft:METHOD",
    "r_tuning": "hf_selfdemo.methods.r_tuning:METHOD",
    "divide_then_align": "hf_selfdemo.methods.divide_then_align:METHOD",
    "d_ar": "hf_selfdemo.methods.d_ar:METHOD",
    "knowledge_packing": "hf_selfdemo.methods.knowledge_packing:METHOD",
    "pa_rag": "hf_selfdemo.methods.pa_rag:METHOD",
    "reflection_tuning": "hf_selfdemo.methods.reflection_tuning:METHOD",
    "info_rag": "hf_selfdemo.methods.info_rag:METHOD",
    "corgi": "hf_selfdemo.methods.corgi:METHOD",
    "invar_rag": "hf_selfdemo.methods.invar_rag:METHOD",
    "self_rag": "hf_selfdemo.methods.self_rag:METHOD",
    "active_rag": "hf_selfdemo.methods.active_rag:METHOD",
    "lagr_seq": "hf_selfdemo.methods.lagr_seq:METHOD",
}
