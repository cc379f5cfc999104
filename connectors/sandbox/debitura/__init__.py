"""Debitura's Customer API v1, as its public OpenAPI document describes it; paths begin with /debitura.

Built: cases, their timeline, chats, payments, files and validation, payments of all cases, the creditor's profile, subscriptions to
webhooks, and the helpers for test cases. Not built: coverage, divisions, contracts, quotes, tasks, users, previews, uploads, changes of a
subscription, deliveries fired or sent again by order. It shares nothing with the adapter.

The document contradicts itself about a 400 of POST /cases: its text says field names with lists of errors, its schema says `error` and
`message`. The text is followed: only it lets a field be named.
"""
