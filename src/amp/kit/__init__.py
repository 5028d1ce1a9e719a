"""What every room may use: clocks, ids, errors, durations, secrets, logs. Knows nothing of AMP's domain."""
