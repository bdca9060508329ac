"""Build of earmark-train: it needs the earmark of its own version, and no other."""

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Adds ``earmark[gpu]`` of the version that is being built to the dependencies."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies."""
        public = str(metadata["version"]).partition("+")[0]
        metadata["dependencies"] = [f"earmark[gpu]=={public}", *self.config["dependencies"]]
