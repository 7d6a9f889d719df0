"""Runs datatrove's own pipeline where it lies: `datatrove.py SOURCE INPUT TOKENIZER OUTPUT RESULT [EVALUATION]`.

One worker of LocalPipelineExecutor: JSON Lines (INPUT is a folder of .jsonl.gz) through Gopher repetition, Gopher
quality, C4 (without its rule on terminal punctuation, as FineWeb) and FineWeb filters, MinHash deduplication in its four
stages, decontamination against the questions of EVALUATION (JSON Lines) by 13-grams if it is given, and GPT-2 tokens.
Language identification is left out: its dependency is rarely there, which is to datatrove's advantage. The index of
n-grams is made by its indexer's own method, which needs lighteval for nothing but lists of tasks. RESULT is JSON: processor seconds of the whole process, ids kept by filters and in the
end, tokens. No code of datatrove stands here.
"""

import gzip
import json
import os
import resource
import sys

source, input_folder, tokenizer, output, result_path = sys.argv[1:6]
evaluation = sys.argv[6] if len(sys.argv) > 6 else None
sys.path.insert(0, source)
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import xxhash  # noqa: E402

# datatrove wants xxhash < 4 and hands it `str`; newer ones take bytes only.
for name in ("xxh32_intdigest", "xxh64_intdigest"):
    original = getattr(xxhash, name)
    setattr(
        xxhash, name, lambda data, original=original: original(data.encode() if isinstance(data, str) else data)
    )

import numpy as np  # noqa: E402
from datatrove.executor.local import LocalPipelineExecutor  # noqa: E402
from datatrove.pipeline.decont.n_grams import (  # noqa: E402
    NGramsDecontConfig,
    NGramsDecontFilter,
    NGramsDecontIndexer,
)
from datatrove.pipeline.dedup.minhash import (  # noqa: E402
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import (  # noqa: E402
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader  # noqa: E402
from datatrove.pipeline.tokens import DocumentTokenizer  # noqa: E402
from datatrove.pipeline.writers.jsonl import JsonlWriter  # noqa: E402


def folder(name):
    return os.path.join(output, name)


def run(name, pipeline, tasks=1):
    LocalPipelineExecutor(
        pipeline=pipeline, tasks=tasks, workers=1, logging_dir=folder(f"logs/{name}"), skip_completed=False
    ).run()


# Asked for when it is made, needed for lighteval's tasks only.
NGramsDecontIndexer._requires_dependencies = []


def decontamination():
    """The steps that decontaminate: none without an evaluation set."""
    if evaluation is None:
        return []
    settings = NGramsDecontConfig(n_grams=13)
    indexer = NGramsDecontIndexer(folder("index"), config=settings)
    hashes = set()
    with open(evaluation, encoding="utf-8") as lines:
        for line in lines:
            hashes.update(indexer.compute_hashes(json.loads(line)["question"]))
    os.makedirs(folder("index"), exist_ok=True)
    np.array(list(hashes), dtype=settings.hash_config.np_descr).tofile(os.path.join(folder("index"), "set.index.hashes"))
    return [NGramsDecontFilter(folder("index"), config=settings)]


config = MinhashConfig()
run(
    "filters",
    [
        JsonlReader(input_folder),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        JsonlWriter(folder("filtered")),
    ],
)
run("minhash1", [JsonlReader(folder("filtered")), MinhashDedupSignature(folder("signatures"), config=config)])
run(
    "minhash2",
    [MinhashDedupBuckets(folder("signatures"), folder("buckets"), config=config)],
    tasks=config.num_buckets,
)
run("minhash3", [MinhashDedupCluster(folder("buckets"), folder("removed"), config=config)])
run(
    "minhash4",
    [
        JsonlReader(folder("filtered")),
        MinhashDedupFilter(folder("removed")),
        *decontamination(),
        JsonlWriter(folder("kept")),
    ],
)
run(
    "tokens",
    [
        JsonlReader(folder("kept")),
        DocumentTokenizer(
            folder("tokens"), tokenizer_name_or_path=tokenizer, eos_token="<|endoftext|>", local_working_dir=folder("work")
        ),
    ],
)


def ids(name):
    found = []
    for file in sorted(os.listdir(folder(name))):
        with gzip.open(os.path.join(folder(name), file), "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["id"] for line in lines]
    return found


tokens = sum(
    os.path.getsize(os.path.join(root, file)) // 2
    for root, _, files in os.walk(folder("tokens"))
    for file in files
    if file.endswith(".ds")
)
usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with open(result_path, "w", encoding="utf-8") as file:
    json.dump(
        {
            "seconds": sum(one.ru_utime + one.ru_stime for one in usage),
            "filtered": ids("filtered"),
            "kept": ids("kept"),
            "tokens": tokens,
        },
        file,
    )
