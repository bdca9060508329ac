"""What the monitor asks, one place each: broker, ledger, disks, certificates."""
