"""The command line: one module for each noun; ``main`` mounts them."""
