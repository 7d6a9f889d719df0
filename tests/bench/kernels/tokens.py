"""The peer of the tokenizer rows: does its whole workload once for each line on stdin, and answers with a line.

Usage: tokens.py PEER TEXTS.json TOKENIZER.json|VOCABULARY_SIZE. The first answer is the SHA-256 of all ids (u32) or of
the merges, later ones are empty.
"""

import hashlib
import json
import sys

import numpy

peer, texts_path, argument = sys.argv[1:]
with open(texts_path, encoding="utf-8") as file:
    texts = json.load(file)

if peer == "tiktoken":
    import tiktoken

    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(256, 512))
    byte_of = {chr(byte) if byte in visible else chr(next(hidden)): byte for byte in range(256)}
    with open(argument) as file:
        vocabulary = json.load(file)["model"]["vocab"]
    encoding = tiktoken.Encoding(
        "gpt2-ranks",
        pat_str=r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""",
        mergeable_ranks={bytes(byte_of[c] for c in token): rank for token, rank in vocabulary.items()},
        special_tokens={},
    )
    work = lambda: [encoding.encode_ordinary(text) for text in texts]
    digest = lambda made: hashlib.sha256(b"".join(numpy.array(ids, dtype=numpy.uint32).tobytes() for ids in made))
elif peer == "tokenizers":
    from tokenizers import Tokenizer

    def fresh():
        tokenizer = Tokenizer.from_file(argument)
        tokenizer.encode_special_tokens = True
        return tokenizer

    work = lambda tokenizer=fresh(): [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    digest = lambda made: hashlib.sha256(b"".join(numpy.array(ids, dtype=numpy.uint32).tobytes() for ids in made))
else:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    def work():
        tokenizer = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=peer != "train-bloom")
        bloom = pre_tokenizers.Split(Regex(" ?[^(\\s|[.,!?…。，、।۔،])]+"), "isolated")
        both = pre_tokenizers.Sequence([bloom, byte_level])
        tokenizer.pre_tokenizer = both if peer == "train-bloom" else byte_level
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer.train_from_iterator(
            texts,
            trainers.BpeTrainer(
                vocab_size=int(argument), min_frequency=2, initial_alphabet=alphabet, show_progress=False
            ),
        )
        if peer == "train-bloom":
            tokenizer.save(f"{texts_path}.bloom")
        return json.loads(tokenizer.to_str())["model"]["merges"]

    digest = lambda merges: hashlib.sha256("\n".join(" ".join(pair) for pair in merges).encode())

print("ready", flush=True)
first = True
for _ in sys.stdin:
    made = work()
    print(digest(made).hexdigest() if first else "", flush=True)
    first = False
