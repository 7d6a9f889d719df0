"""What tokenizers and tiktoken make of texts. Usage: bpe.py MODE ARGUMENTS…; texts come as a JSON list of strings.

Ids go out as u32, each text's count first.
"""

import json
import sys

import numpy
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {"bloom": BLOOM, "cl100k": CL100K % "{1,3}", "qwen2": CL100K % ""}


def write_ids(path, encoded):
    flat = []
    for ids in encoded:
        flat.append(len(ids))
        flat.extend(ids)
    numpy.array(flat, dtype=numpy.uint32).tofile(path)


def encode(tokenizer_path, texts, out):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    # Special tokens are ordinary text, as in forge.
    tokenizer.encode_special_tokens = True
    write_ids(out, (tokenizer.encode(text, add_special_tokens=False).ids for text in texts))


def encode_tiktoken(tokenizer_path, texts, out):
    import tiktoken

    with open(tokenizer_path) as file:
        vocabulary = json.load(file)["model"]["vocab"]
    byte_of = {character: byte for byte, character in enumerate(alphabet())}
    ranks = {bytes(byte_of[c] for c in token): rank for token, rank in vocabulary.items()}
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    encoding = tiktoken.Encoding("gpt2-ranks", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    write_ids(out, (encoding.encode_ordinary(text) for text in texts))


def alphabet():
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in visible else chr(next(hidden)) for byte in range(256)]


def encode_transformers(tokenizer_path, texts, out):
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=tokenizer_path, split_special_tokens=True)
    write_ids(out, (tokenizer.encode(text, add_special_tokens=False) for text in texts))


def pre_tokenizer_of(kind):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind not in PATTERNS)
    if kind in PATTERNS:
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERNS[kind]), "isolated"), byte_level])
    if kind == "gpt2-digits":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    return byte_level


def train(texts, out, vocabulary_size, special_tokens, kind):
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "cl100k"))
    tokenizer.pre_tokenizer = pre_tokenizer_of(kind)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=2,
        special_tokens=special_tokens,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(out)


def classes(out):
    """Class of every code point by Oniguruma: letter 1, number 2, white space 3."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    space = pre_tokenizers.Split(Regex(r"\s"), "isolated")
    table = bytearray(0x110000)
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if len(space.pre_tokenize_str("a" + character)) > 1:
            table[code] = 3
        elif len(splitter.pre_tokenize_str("a" + character)) == 1:
            table[code] = 1
        elif len(splitter.pre_tokenize_str("1" + character)) == 1:
            table[code] = 2
    with open(out, "wb") as file:
        file.write(table)


def main(mode, *arguments):
    if mode == "classes":
        return classes(*arguments)
    if mode == "train":
        texts, out, size, special, kind = arguments
        return train(load(texts), out, int(size), json.loads(special), kind)
    tokenizer, texts, out = arguments
    return {"tokenizers": encode, "tiktoken": encode_tiktoken, "transformers": encode_transformers}[mode](tokenizer, load(texts), out)


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


main(*sys.argv[1:])
