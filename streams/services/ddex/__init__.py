"""DDEX ERN messages: ``reading`` makes uploads of deliveries, ``writing`` messages of labels."""
