"""Runs datatrove where it lies, for the benches: `datatrove.py SOURCE MODE TEXTS RESULT`.

SOURCE is the folder that holds the package, TEXTS a JSON array of strings. RESULT is written as JSON: the processor time
of the whole process so far, and what the mode gives. Modes:

- minhash: signatures by MinhashDedupSignature's own functions, as shipped (English spaCy words, xxhash64).
- minhash-kept: the documents that datatrove's stages 1 to 3 would remove.
- minhash-whitespace: normal forms and signatures with words split at white space, and the permutations' parameters.
- filters: FineWeb's chain of four filters, as shipped; the reason of each document that it turns away, or null.
- filters-whitespace: every value that the four filters compare with a limit, with words split at white space.

No code of datatrove stands here. Values are seen by giving the filters limits that write down what they are compared with.
datatrove wants xxhash < 4 and hands it `str`; newer ones take bytes only, so that the text is encoded for them.
"""

import base64
import json
import os
import resource
import sys
import tempfile

source, mode, texts_path, result_path = sys.argv[1:5]
sys.path.insert(0, source)
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np  # noqa: E402
import xxhash  # noqa: E402

for name in ("xxh32_intdigest", "xxh64_intdigest"):
    original = getattr(xxhash, name)
    setattr(
        xxhash, name, lambda data, original=original: original(data.encode() if isinstance(data, str) else data)
    )

from datatrove.data import Document  # noqa: E402

with open(texts_path, encoding="utf-8") as file:
    texts = json.load(file)


class WhitespaceWords:
    """Words of str.split; sentences remain those of the shipped tokenizer."""

    def __init__(self, shipped):
        self.shipped = shipped

    def word_tokenize(self, text):
        return text.split()

    def span_tokenize(self, text):
        return self.shipped.span_tokenize(text)


class Recorder:
    """A limit that nothing misses, and that writes down what is compared with it."""

    __array_ufunc__ = None

    def __init__(self, values, *names):
        self.values = values
        self.names = names

    def note(self, value):
        seen = self.values.setdefault("seen", {})
        turn = seen.get(id(self), 0)
        seen[id(self)] = turn + 1
        self.values[self.names[min(turn, len(self.names) - 1)]] = float(value)
        return False

    __lt__ = __gt__ = note


def signer(folder):
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

    return MinhashDedupSignature(folder)


def minhash():
    with tempfile.TemporaryDirectory() as folder:
        step = signer(folder)
        made = []
        for text in texts:
            shingles = step.get_shingles(text)
            made.append(sum(step.get_signature(shingles), []) if shingles.size else None)
        return {"signed": sum(signature is not None for signature in made)}


def minhash_kept():
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster

    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("signatures", "buckets", "removed")]
        signer(paths[0]).run([Document(text=text, id=str(i)) for i, text in enumerate(texts)])
        config = MinhashConfig()
        for bucket in range(config.num_buckets):
            MinhashDedupBuckets(paths[0], paths[1], config=config).run(None, bucket, config.num_buckets)
        MinhashDedupCluster(paths[1], paths[2], config=config).run(None)
        removed = []
        for name in sorted(os.listdir(paths[2])):
            if name.endswith(".remove"):
                removed += np.fromfile(os.path.join(paths[2], name), dtype="<u4").tolist()
        return {"removed": sorted(removed)}


def minhash_whitespace():
    from datatrove.utils.text import simplify_text

    with tempfile.TemporaryDirectory() as folder:
        step = signer(folder)
        step.word_tokenizer = WhitespaceWords(step.word_tokenizer)
        documents = []
        for text in texts:
            shingles = step.get_shingles(text)
            signature = np.array(step.get_signature(shingles) if shingles.size else [], dtype="<u8")
            documents.append(
                {
                    "normal": simplify_text(text),
                    "shingles": int(shingles.size),
                    "signature": base64.b64encode(signature.tobytes()).decode(),
                }
            )
        multipliers, increments = step.parameters
        return {
            "multipliers": [str(value) for value in multipliers[0]],
            "increments": [str(value) for value in increments[0]],
            "documents": documents,
        }


def filters():
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    # As examples/fineweb.py has them.
    chain = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    ]
    reasons = []
    for text in texts:
        document = Document(text=text, id="")
        reason = None
        for step in chain:
            result = step.filter(document)
            if result is not True:
                reason = result[1]
                break
        reasons.append(reason)
    return {"reasons": reasons}


def filters_whitespace():
    import datatrove.utils.word_tokenizers as tokenizers
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    load = tokenizers.load_word_tokenizer
    tokenizers.load_word_tokenizer = lambda language: WhitespaceWords(load(language))
    values = {}
    limit = lambda *names: Recorder(values, *names)  # noqa: E731
    chain = [
        GopherRepetitionFilter(
            dup_line_frac=limit("duplicateLines"),
            dup_para_frac=limit("duplicateParagraphs"),
            dup_line_char_frac=limit("duplicateLineCharacters"),
            dup_para_char_frac=limit("duplicateParagraphCharacters"),
            top_n_grams=tuple((n, limit(f"top{n}Gram")) for n in range(2, 5)),
            dup_n_grams=tuple((n, limit(f"duplicate{n}Grams")) for n in range(5, 11)),
        ),
        GopherQualityFilter(
            min_doc_words=limit("plainWords"),
            max_doc_words=limit("plainWords"),
            min_avg_word_length=limit("meanWordLength"),
            max_avg_word_length=limit("meanWordLength"),
            max_symbol_word_ratio=limit("hashesPerWord", "ellipsesPerWord"),
            max_bullet_lines_ratio=limit("bulletLines"),
            max_ellipsis_lines_ratio=limit("ellipsisLines"),
            max_non_alpha_words_ratio=limit("alphabeticWords"),
            min_stop_words=limit("stopWords"),
        ),
        FineWebQualityFilter(
            line_punct_thr=limit("punctuatedLines"),
            short_line_thr=limit("shortLines"),
            char_duplicates_ratio=limit("duplicateFullLineCharacters"),
            new_line_ratio=limit("newlinesPerWord"),
        ),
    ]
    c4_values = {}
    c4 = C4QualityFilter(min_num_sentences=Recorder(c4_values, "sentences"))
    lines = {}

    def count(*names, **_):
        for name in names:
            lines[name] = lines.get(name, 0) + 1

    c4.stat_update = count
    documents = []
    for text in texts:
        values.clear()
        c4_values.clear()
        lines.clear()
        error = None
        for step in chain:
            try:
                step.filter(Document(text=text, id=""))
            except ZeroDivisionError:
                error = f"{type(step).__name__} divides by zero"
        values.pop("seen", None)
        document = Document(text=text, id="")
        result = c4.filter(document)
        documents.append(
            {
                "signals": dict(values),
                "error": error,
                "c4": {
                    "text": document.text if result is True else None,
                    "reason": None if result is True else result[1],
                    "sentences": c4_values.get("sentences"),
                    "kept": lines.get("line-kept", 0),
                },
            }
        )
    return {"documents": documents}


modes = {
    "minhash": minhash,
    "minhash-kept": minhash_kept,
    "minhash-whitespace": minhash_whitespace,
    "filters": filters,
    "filters-whitespace": filters_whitespace,
}
result = modes[mode]()
with open(result_path, "w", encoding="utf-8") as file:
    used = resource.getrusage(resource.RUSAGE_SELF)
    json.dump({"seconds": used.ru_utime + used.ru_stime, "result": result}, file)
