"""Audio made from a seed: music, speech, simulated decoders, augmentations, hard negatives."""
