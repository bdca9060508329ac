"""From a score to a p-value and a probability; when the detector abstains."""
