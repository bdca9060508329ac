"""The released model, observations of noise, and how its shadows are counted."""

import hashlib

import numpy as np

from detector.assessment.model import Model
from detector.observation.observation import VERSION, Observation, Observer
from streams.contract.records import ModelRef, ObservationRef
from streams.media.artefacts import ArtefactStore
from streams.runtime import metrics
from streams.runtime.settings import Settings

RATE_HZ = 44_100
MODEL = Model.load(Settings().model)
REFERENCE = ModelRef.model_validate(MODEL, from_attributes=True)


def observation(seed: int, seconds: float = 13.0, rate_hz: int = RATE_HZ) -> Observation:
    observer = Observer(rate_hz)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(rate_hz * seconds))
    observer.feed(noise.astype(np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


def counted(name: str, result: str) -> float:
    return float(metrics.SHADOW.labels(MODEL.name, name, result)._value.get())


def put(store: ArtefactStore, data: bytes, version: int = VERSION) -> ObservationRef:
    digest = hashlib.sha256(data).hexdigest()
    path = f"{store.root}/{digest}.obs"
    store.filesystem.pipe_file(path, data)
    uri = store.filesystem.unstrip_protocol(path)
    return ObservationRef(uri=uri, version=version, sha256=digest)
