"""What every process runs on: Kafka, retry, settings, metrics, logs, tracing and health."""
