"""The file ``rates.toml`` of a model: its lattice, with the known decoders of each rate."""

import tomllib

import orjson

from detector.evidence.clock import Lattice, Rate


def read_rates(text: str) -> Lattice:
    """Read ``rates.toml``: tables ``[[rate]]`` with hz, penalty, origin, known_for."""
    return Lattice(
        tuple(
            Rate(
                hz=float(row["hz"]),
                penalty=float(row["penalty"]),
                origin=str(row["origin"]),
                known_for=tuple(str(name) for name in row.get("known_for", ())),
            )
            for row in tomllib.loads(text)["rate"]
        )
    )


def write_rates(lattice: Lattice) -> str:
    """Return the text of ``rates.toml``."""
    lines = ["# Candidate clock rates of neural decoders; a new generator is one measured rate."]
    for rate in lattice.rates:
        lines += [
            "",
            "[[rate]]",
            f"hz = {rate.hz!r}",
            f"penalty = {rate.penalty!r}",
            f"origin = {orjson.dumps(rate.origin).decode()}",
        ]
        if rate.known_for:
            lines.append(f"known_for = {orjson.dumps(list(rate.known_for)).decode()}")
    return "\n".join(lines) + "\n"
