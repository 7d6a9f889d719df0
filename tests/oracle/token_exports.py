"""Reads exports of token shards the way the trainers they are for do, with numpy and torch. Usage: token_exports.py FORMAT PREFIX

Written from those trainers' readers, not from our writer: nanoGPT's get_batch (a memory map of uint16 and windows of it),
llm.c's and modded-nanogpt's shard loaders (256 int32, then the tokens), Megatron-LM's IndexedDataset (everything
through the index), datatrove's own DatatroveFileDataset and DatatroveFolderDataset, imported. Prints JSON.
"""

import json
import os
import struct
import sys

import numpy as np


def nanogpt(prefix):
    import torch

    data = np.memmap(prefix + ".bin", dtype=np.uint16, mode="r")
    block = 16
    starts = range(0, len(data) - block, block)
    x = torch.stack([torch.from_numpy(data[i : i + block].astype(np.int64)) for i in starts])
    y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + block].astype(np.int64)) for i in starts])
    assert torch.equal(x.flatten()[1:], y.flatten()[:-1])
    rest = data[len(starts) * block :].astype(np.int64).tolist()
    return {"tokens": x.flatten().tolist() + rest, "largest": int(data.max())}


def llmc(prefix):
    import torch

    path = prefix + ".bin"
    header = torch.from_file(path, False, 256, dtype=torch.int32)
    kinds = {(20240520, 1): (torch.uint16, 2), (20240801, 7): (torch.uint32, 4)}
    dtype, width = kinds[int(header[0]), int(header[1])]
    tokens = torch.empty(int(header[2]), dtype=dtype)
    with open(path, "rb", buffering=0) as file:
        file.seek(256 * 4)
        assert file.readinto(tokens.numpy()) == width * len(tokens), "as many tokens as the header says"
        assert file.read() == b""
    return {"tokens": tokens.to(torch.int64).tolist(), "width": width}


def megatron(prefix):
    index = open(prefix + ".idx", "rb").read()
    magic, version, code, sequences, bounds = struct.unpack_from("<9sQBQQ", index)
    assert (magic, version) == (b"MMIDIDX\x00\x00", 1)
    dtype = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}[code]
    at = struct.calcsize("<9sQBQQ")

    def take(kind, count):
        nonlocal at
        column = np.frombuffer(index, dtype=kind, count=count, offset=at)
        at += column.nbytes
        return column

    lengths, pointers, document_bounds = take(np.int32, sequences), take(np.int64, sequences), take(np.int64, bounds)
    assert at == len(index)
    data = np.memmap(prefix + ".bin", mode="r", order="C")

    def sequence(i):
        return np.frombuffer(data, dtype=dtype, count=lengths[i], offset=pointers[i]).tolist()

    documents = [
        [token for i in range(document_bounds[d], document_bounds[d + 1]) for token in sequence(i)]
        for d in range(len(document_bounds) - 1)
    ]
    return {"documents": documents, "dtype": np.dtype(dtype).name}


def datatrove(prefix):
    from datatrove.utils.dataset import DatatroveFileDataset, DatatroveFolderDataset

    tokenizer, size = open(prefix + ".ds.metadata").read().split("\n")[0].rsplit("|", 1)
    window = 15
    one = DatatroveFileDataset(prefix + ".ds", window, token_size=int(size), return_positions=True)
    folder = DatatroveFolderDataset(os.path.dirname(prefix), window, token_size=int(size), filename_pattern="*.ds")
    items = [one[i] for i in range(len(one))]
    assert [item["input_ids"].tolist() for item in items] == [folder[i]["input_ids"].tolist() for i in range(len(folder))]
    return {
        "tokenizer": tokenizer,
        "tokens": [token for item in items for token in item["input_ids"].tolist()],
        "positions": [position for item in items for position in item["positions"].tolist()],
    }


readers = {"nanogpt": nanogpt, "llm.c": llmc, "megatron": megatron, "datatrove": datatrove}
print(json.dumps(readers[sys.argv[1]](sys.argv[2])))
