"""The way of an upload: a topic in, a topic out, one module for each stage."""
