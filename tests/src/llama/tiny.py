"""Writes a GGUF model that is real in everything but its sense: tokenizer and chat template of Qwen2.5, random weights.

usage: tiny.py MODELS OUT.gguf      (MODELS is llama.cpp's `models/` folder)

A server that loads it counts tokens, keeps a window, refuses what is too long, constrains tool calls by grammar and caches
prefixes as with any model of its family, in milliseconds and in about 20 MB. What it says is noise, the same noise every time.
"""

import sys
from pathlib import Path

import numpy
from gguf import GGUFReader, GGUFValueType, GGUFWriter

WINDOW = 262_144
LAYERS = 1
WIDTH = 64
HIDDEN = 128
HEADS = 2
# Qwen2.5 has these two as tokens of their own, the vocabulary that llama.cpp carries has not yet.
CALLS = {151657: "<tool_call>", 151658: "</tool_call>"}
USER_DEFINED = 4


def tokenizer(reader: GGUFReader, writer: GGUFWriter) -> int:
    """Copies the tokenizer; returns how many tokens it has."""
    for name, field in reader.fields.items():
        if not name.startswith("tokenizer.ggml."):
            continue
        value = field.contents()
        for token, text in CALLS.items():
            if name == "tokenizer.ggml.tokens":
                value[token] = text
            elif name == "tokenizer.ggml.token_type":
                value[token] = USER_DEFINED
        if field.types[0] is GGUFValueType.ARRAY:
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, field.types[0])
    return len(reader.fields["tokenizer.ggml.tokens"].data)


def tensors(writer: GGUFWriter, tokens: int) -> None:
    """Adds the weights, from a fixed seed."""
    noise = numpy.random.default_rng(20_250_101)

    def weights(name: str, rows: int, columns: int) -> None:
        values = noise.normal(0.0, 0.06, size=(rows, columns)).astype(numpy.float16)
        writer.add_tensor(f"{name}.weight", values)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, numpy.float32))

    weights("token_embd", tokens, WIDTH)
    norm("output_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        norm(f"{block}.ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v"):
            weights(f"{block}.{part}", WIDTH, WIDTH)
            writer.add_tensor(f"{block}.{part}.bias", numpy.zeros(WIDTH, numpy.float32))
        weights(f"{block}.attn_output", WIDTH, WIDTH)
        weights(f"{block}.ffn_gate", HIDDEN, WIDTH)
        weights(f"{block}.ffn_up", HIDDEN, WIDTH)
        weights(f"{block}.ffn_down", WIDTH, HIDDEN)


def main(models: Path, out: Path) -> None:
    """Writes the file."""
    writer = GGUFWriter(out, "qwen2")
    writer.add_name("tiny")
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    tokens = tokenizer(GGUFReader(models / "ggml-vocab-qwen2.gguf"), writer)
    template = models / "templates" / "Qwen-Qwen2.5-7B-Instruct.jinja"
    writer.add_chat_template(template.read_text(encoding="utf-8"))
    tensors(writer, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
