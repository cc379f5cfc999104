"""GoCardless: several thin events in a body, signed; the payment they name is fetched. Which public documents: `docs/upstreams.md`."""
