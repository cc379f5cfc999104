"""Debitura, Customer API v1, as its public OpenAPI document describes it.

A handover is one request; our handover id is the case's `creditorReference` and its Idempotency-Key. There is no feed, and its webhooks are
not read yet, so the daily refresh of each case brings what happened. There is no request to take a case back or to report a payment, and
the adapter says so.
"""
