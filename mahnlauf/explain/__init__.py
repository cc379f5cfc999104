"""Explaining one contract: why it stands where it stands, what comes next, and what would change it (`escalation.md`).

`found` gets the contract as the rules made it, `standing` says why, `coming` lets the same rules run on.
"""
