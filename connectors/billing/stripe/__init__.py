"""Stripe: full events, signed with a time; what they name besides is fetched. Which public documents: `docs/upstreams.md`."""
