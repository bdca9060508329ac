"""The command line: modules of related commands; ``main`` mounts them."""
