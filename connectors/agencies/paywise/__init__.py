"""paywise, Case Management API v2, as its official Python client (PyPI `paywise` 0.1, MIT) describes it. No part of that client is used.

A handover is a debtor, an order with a claim for each invoice, and its finalization: an order is a case only from then on, so a draft left
behind by a crash is none. Every claim carries our handover id as `your_reference`; an order itself has no field for it. The feed names what
changed and nothing more, so each case it names is looked at.

Assumed, because the client does not say it: each statement tells the payments of its own period and none of an earlier one; a mandate can't
be taken back by a request, so paywise is asked to by message.
"""
