"""Audio made from a seed: music, simulated decoders, the tracks of a demonstration."""
