"""The monitor's checks: each sets its ``GAUGES``, or raises the error of what it asks."""
