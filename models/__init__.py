"""Machine-learning models: self-made audio, data, training, evaluation, released folders.

Read in the order in which data flows: music and simulate (audio made here), samples (the
tracks of a demonstration), data (manifests, folds), observing (files to observations),
scoring, template_set, references and fusing (what is learned), train, learn (one more generator),
release, evaluate, deliver and negatives (what happens to music, and what fools a detector),
robustness, commands (what the command line mounts). Each released model is a folder.
"""
