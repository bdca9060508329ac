"""Audio in, analysis out: no Kafka, no environment, no clock.

Read in the order in which data flows: errors, types, decode, fingerprint, landmarks,
observation, listen (the one pass over the audio); clock and templates, then the second
looks, partly and speed (evidence); calibration and looks (what the evidence is worth
together), answer, fitness (when to abstain), model (a released folder that scores
observations), analyze (all of it for one file); picture and plot show the evidence to a
person. What is known is recognised by quads, alignment and matching.
"""
