"""One module for each branch of evidence, by the name in ``detector.evidence.registry``."""
