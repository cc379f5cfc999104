"""atriga, over a wire format of our own: no public contract of its gateway exists, so everything in this folder is an assumption.

What is known from product texts is kept: customer number and authentication code, test and live mode, the statuses of a case, a dunning
level.
JSON over HTTP, amounts as integers in minor units; our handover id is the case's reference and, when it is handed over, the
Idempotency-Key. Changes of all cases are read from a feed with a cursor.
"""
