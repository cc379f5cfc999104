"""The rules of escalation, pure: what an event or a tick makes of one contract. No clock, no I/O, no randomness."""
