"""A GGUF file of the tiny model, as llama.cpp's converter would write it."""

import json

from gguf import GGMLQuantizationType, GGUFWriter, quants


def write_gguf(
    path, model, tokenizer, kind="F32", leave_out=(), architecture="llama", vocabulary=True, template=True, split=0
):
    """Write weights of `kind`, and whatever else is not left out."""
    config, writer = model.config, GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if split:
        writer.add_uint16("split.no", 0)
        writer.add_uint16("split.count", split)
    if vocabulary:
        _add_tokenizer(writer, tokenizer)
    if template:
        writer.add_chat_template(tokenizer.chat_template)
    for name, weight in model.state_dict().items():
        if not any(part in name for part in leave_out):
            _add(writer, name, weight.float().numpy(), config, GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer, tokenizer):
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    special = {token["content"] for token in told["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in told["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.convert_tokens_to_ids("<|im_start|>"))
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)


def _add(writer, name, weight, config, kind):
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for part, count in heads.items():
        if part in name:  # llama.cpp turns pairs of a head's halves where transformers turns halves
            rows, width = weight.shape
            weight = weight.reshape(count, 2, rows // count // 2, width).swapaxes(1, 2).reshape(rows, width)
    for theirs, ours in _NAMES.items():
        name = name.replace(theirs, ours)
    if weight.ndim == 1 or weight.shape[-1] % 32:  # a block is 32 numbers of a row
        kind = GGMLQuantizationType.F32
    writer.add_tensor(name, quants.quantize(weight, kind), raw_dtype=kind)


_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers.": "blk.",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
