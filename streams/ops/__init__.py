"""Running an installation: ``earmark up``, the embedded broker, doctor and monitor."""
