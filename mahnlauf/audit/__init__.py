"""Proof that the cluster holds what the rules give: every contract is computed again from the input topics and compared.

What the audit shares with the worker is the core (`streams.processor`), the words of the engine's protocol and the format of its journal.
Everything the engine does beside calling the core (merging, transactions, the changelog, recovery, the index of due keys) is done here in
the plainest way there is, so that a mistake there cannot hide from it.

  - `inputs`: the records of one partition in the order of its journal; what the journal leaves out or names twice is a finding.
  - `fold`: the core over those records, `states` in memory.
  - `outcome`: what the fold gives against what stands on the cluster.
  - `findings`: lost, doubled, different.
  - `auditing`: partition by partition, and the verdict.
"""
