"""What the contract already names but these rules don't apply yet: one table for the processor and for whoever reads a policy file.

A policy that asks for one of these keys is refused: nothing that somebody relies on is ignored in silence.
"""

from collections.abc import Iterator

from schemas.policy import Policy

NOT_SUPPORTED_YET = "not supported yet"

POLICY_KEYS = ("breathing_space",)
"""Keys of a policy that may only have their defaults."""


def unsupported(policy: Policy) -> Iterator[str]:
    """The keys of a policy that ask for what is not supported yet."""
    for key in POLICY_KEYS:
        if getattr(policy, key) != Policy.model_fields[key].get_default(call_default_factory=True):
            yield key
