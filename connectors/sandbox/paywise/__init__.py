"""paywise's Case Management API v2, as its official Python client (PyPI `paywise` 0.1, MIT) describes it; paths begin with /paywise.

Built: health, info, debtors, orders with their claims, finalization and withdrawal, mandates with history, documents, payments, messages
and requests to the client, statements, the event feed. Not built: changes of drafts, titled and rental orders, uploads, webhooks (v2's
signature is not public). It is written a second time on purpose and shares nothing with the adapter.
"""
