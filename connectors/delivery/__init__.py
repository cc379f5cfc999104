"""What every agency needs and none should write: one owner an account, a ledger of what was sent, lanes, retries, parking, feeds."""
