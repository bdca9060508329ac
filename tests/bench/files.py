"""Copies of a track with other content, as many as a benchmark of the whole chain needs.

A copy differs from its original in one comment among its tags: other bytes, so that nothing
of it is known already, and the same audio, so that every one costs the same.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import av


def copies(original: Path, folder: Path) -> Iterator[Path]:
    """Yield copies of an MP3 file without end, each of other content."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        copy = folder / f"{number:05}.mp3"
        with av.open(str(original)) as source, av.open(str(copy), "w") as target:
            target.metadata["comment"] = f"copy {number}"
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.dts is not None:  # the last one is empty
                    packet.stream = stream
                    target.mux(packet)
        yield copy
