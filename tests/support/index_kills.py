"""Kill a writer of the embedded index at random moments; what it acknowledged is there.

It adds, removes and imports archives (as ``earmark bank import`` does).

python -m tests.support.index_kills 100
"""

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from pathlib import Path

from streams.contract.vocabulary import BankKind
from streams.known import archives, embedded, sql
from streams.known.banks import Bank, Banks, By
from streams.known.index import open_index
from tests.support.known_tracks import item, query, score

MOST_ADDED = 40  # a writer lives until it has acknowledged so many: additions, an import or two ...
MAX_S = 0.2  # ... and up to so long after that, however slow the machine is

BY = By("a test")
IMPORTED = 12
"""Items of an archive: some segments and merges of their own."""


def write(url: str, start: int, acknowledged: Connection) -> None:
    """Add, remove and import until killed; say what is done, after it is."""
    for module, name, value in ((embedded, "FRESH_ITEMS", 3), (embedded, "MERGE_FROM", 3)):
        setattr(module, name, value)  # segments all the time
    setattr(sql, "BATCH", 5)  # noqa: B010 - a final name
    with open_index(url) as index:
        archive = f"{index.database.engine.url.database}.{start}.banks"
        acknowledged.send(("opened", start))
        seed = start
        while True:
            index.add([item(seed), item(seed + 1)])
            acknowledged.send(("added", seed))
            acknowledged.send(("added", seed + 1))
            if seed % 3 == 0:
                index.remove("catalogue", [f"T-{seed}"])
                acknowledged.send(("removed", seed))
            seed += 2
            if seed % 8 == 4:
                coming = range(seed, seed + IMPORTED)
                archives.write(Path(archive), [], (item(one) for one in coming))
                archives.bring_in(Banks(index), Path(archive), "catalogue", BY)
                for added in coming:
                    acknowledged.send(("added", added))
                acknowledged.send(("imported", seed))
                seed += IMPORTED


def kills(folder: Path, rounds: int, seed: int) -> dict[str, int]:
    """Return what was done and is there at the end; asserts on every round."""
    url = f"file://{folder}/index"
    rng = random.Random(seed)
    fork = multiprocessing.get_context("fork")
    with open_index(url) as index:
        Banks(index).create(Bank(name="catalogue", kind=BankKind.CATALOGUE, owner="tests"), BY)
    done_by: defaultdict[str, set[int]] = defaultdict(set)
    added, removed = done_by["added"], done_by["removed"]
    for number in range(rounds):
        ours, theirs = fork.Pipe(duplex=False)
        writer = fork.Process(target=write, args=(url, 1_000 * number, theirs), daemon=True)
        writer.start()
        theirs.close()
        assert ours.recv()[0] == "opened"
        for _ in range(rng.randrange(MOST_ADDED)):
            done, which = ours.recv()
            done_by[done].add(which)
        time.sleep(rng.uniform(0, MAX_S))
        if writer.pid is not None:
            os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        try:
            while True:
                done, which = ours.recv()
                done_by[done].add(which)
        except EOFError:
            pass
        with open_index(url) as index:
            assert list(index.faults()) == [], f"round {number}"
            there = {one.item_id for one in index.items()}
            lost = {f"T-{one}" for one in added - removed} - there
            # an unacknowledged removal may have happened to the last one
            assert len(lost) <= 1, f"round {number}: lost {sorted(lost)}"
            added -= {int(name[2:]) for name in lost}
            assert not {f"T-{one}" for one in removed} & there, f"round {number}"
            for place in rng.sample(sorted(added - removed), min(3, len(added - removed))):
                names = [found.item.item_id for found in index.search(query(score(place)))]
                assert names == [f"T-{place}"], f"round {number}"
    with open_index(url) as index:
        counts = {name: len(which) for name, which in done_by.items()}
        return counts | {"there": len(added - removed), "segments": index.stats().segments}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(kills(Path(temporary), int(sys.argv[1]), seed=1))  # noqa: T201 - a command
