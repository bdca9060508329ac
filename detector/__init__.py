"""Audio in, assessment out: a plain library without Kafka, environment or clock.

Read it in the order in which data flows:

- ``audio``: decoding, framing, spectra, the acoustic fingerprint;
- ``matching``: landmarks, quads and postings, by which known recordings are recognised;
- ``observation``: the one pass over the audio, and what it keeps;
- ``calibration``: what a score is worth, and when the detector abstains;
- ``evidence``: the branches, and how their scores combine;
- ``assessment``: the answer, and a released model;
- ``explain``: pictures of the evidence.
"""
