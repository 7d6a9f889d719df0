"""The same tiny GPT-2 and batch in PyTorch: loss, every gradient, and five AdamW steps.

Usage: train_parity.py FOLDER, where FOLDER holds a checkpoint (model.safetensors, config.json) and batch.json
{"tokens": [[...]], "targets": [[...]], "adam": {...}}. Prints one JSON line; writes gradients.safetensors and
after.safetensors.
"""

import json
import math
import sys

import torch
from safetensors.torch import save_file
from transformers import GPT2LMHeadModel

folder = sys.argv[1]
torch.set_num_threads(1)
# float64 is the truth that float32 kernels are measured against.
model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").double().eval()
batch = json.load(open(f"{folder}/batch.json"))
tokens = torch.tensor(batch["tokens"])
targets = torch.tensor(batch["targets"])
adam = batch["adam"]


def compute_loss():
    logits = model(tokens).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


def store(path, tensors):
    save_file({name: value.detach().float().contiguous() for name, value in tensors.items()}, path)


named = dict(model.named_parameters())
groups = [
    {"params": [p for p in named.values() if p.dim() > 1], "weight_decay": adam["weightDecay"]},
    {"params": [p for p in named.values() if p.dim() == 1], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(
    groups, lr=adam["learningRate"], betas=(adam["beta1"], adam["beta2"]), eps=adam["epsilon"]
)
losses, norms = [], []
for step in range(5):
    optimizer.zero_grad()
    loss = compute_loss()
    loss.backward()
    if step == 0:
        store(f"{folder}/gradients.safetensors", {name: p.grad.clone() for name, p in named.items()})
    norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), adam["clipNorm"])))
    losses.append(float(loss))
    optimizer.step()
store(f"{folder}/after.safetensors", named)
greedy = model.generate(tokens[:1, :4], max_new_tokens=12, do_sample=False, pad_token_id=0)[0, 4:].tolist()
assert all(math.isfinite(x) for x in losses)
print(json.dumps({"losses": losses, "norms": norms, "greedy": greedy, "torch": torch.__version__}))
