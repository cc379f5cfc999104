"""Where the text of the rules can be read in two ways: how the auditor reads it. Each says the sentence and the other reading.

A reading is changed here and nowhere else, once it was decided which one holds.
"""

EACH_CAUSE_RAISES_ATTENTION = False
"""Section 7: "set when their cause appears (not again while it lasts)". True: a second chargeback by our own error, or a second upheld
dispute, raises the attention again although the first still lasts; False: only the first does."""

MESSAGES_TO_A_CLOSED_CASE_ARE_UNMATCHED = False
"""Section 6: "A reply for an unknown or closed handover is kept, attention `unmatched_reply`", yet the table lets documents, messages and
questions come in `any` status. True: they too are unmatched once the case is closed; False: they are simply kept."""

STOOD_AT_ZERO_COUNTS_COSTS = False
"""Section 3: "A receivable that stood at 0, is reopened by any fact". True: at 0 is one with neither principal nor costs open; False:
one without open principal."""

DESPITE_HOLD_COVERS_WHAT_IS_HELD_BY_ITSELF = True
"""Section 6: handover.ordered "covers all that is overdue" and is allowed in Held "with `despite_hold: true`"; what is held by itself is
not overdue (section 3). True: with despite_hold it is covered too; False: only a hold of the whole contract is overridden."""

WHAT_MOVES_MONEY_OF_THE_CASE_CHANGES_THE_CLAIM = True
"""Section 6: a receivable's "principal or due date changed by correction, credit note, cancellation or write-off" is told to the agency.
True: so is a credit note without invoice_id, or the correction of another receivable, that moves money onto or off the case; False: the
principal is the same, so it is not told."""

A_PAYMENT_MAY_REOPEN = False
"""Section 3: "is reopened by any fact (chargeback, refund, failed payment, correction, credit note cancelled; ...)". True: so does a
payment.received, where it moves other money away from a settled receivable or brings a kept chargeback's fee into force; False: it never
does, though any other fact not listed (an invoice that is due earlier) does."""

A_WRITE_OFF_COVERS_LATER_COSTS = False
"""Section 2: a write-off "moves what is open at that moment (principal, costs and interest ...)". Its costs were taken away since (a
chargeback reversed) and another cost arose later. True: the amount written off covers that one; False: it was not open at that moment."""

METHODS_WITHOUT_DATA_ARE_OFFERED = False
"""Section 4: payment_offer goes out "with the methods that suit". True: all of the list; False: a method whose data the notice could not
carry (a link without the policy's template, a QR code without the creditor's IBAN) does not suit."""

NOTICE_FAILED_KNOWS_REMINDERS_ALONE = True
"""Section 4: "notice.failed (unknown id: dead-lettered) makes a reminder one that was skipped". True: the id of any other notice is as
good as unknown; False: it is known and changes nothing."""

TRANSIT_HOLDS_ITS_INVOICE_ALONE = False
"""Section 3: what holds, "a payment in transit"; payment.initiated may name an invoice. True: then it holds that receivable alone, as a
dispute would; False: the whole contract (only for hold.placed and disputes the text says otherwise)."""

A_RELEASE_ENDS_LATER_INSOLVENCIES = False
"""Section 3: insolvency holds "from occurred_on until a hold.released with hold_id insolvency", and of several releases the earliest
counts. True: that one also ends an insolvency that occurred after it; False: the earliest on or after the day it occurred ends it."""

A_HOLD_OF_ONE_RECEIVABLE_SILENCES = True
"""Section 5: "Under a hold of kind deceased or insolvency no notice to the debtor goes out". True: also if it was placed on one receivable
(but for the notices of steps, which the others still take); False: then "everything else goes on" (section 3)."""

WIN_BACK_BY_THE_ENDED_CYCLE = True
"""Section 5: "win_back: {days_after: N}: first tick of local day >= reset + N". True: as the policy of the cycle that was reset says;
False: as the newest one says, which counts for the next cycle."""

AN_ABSENT_DATE_CONFLICTS = False
"""Section 1: "The same id with another amount, currency or date" is refused. True: also one that names a date where the first named none,
or none where it named one; False: only two different dates conflict."""

ACCOUNT_RULES_COUNT_WHAT_IS_HANDED_OVER = False
"""Section 4: hand_over's accounts "when: {amount_from?, amount_below? ...}". True: the principal of what this handover covers; False: all
that is overdue."""

A_TAKEN_OVER_CASE_NEEDS_ITS_RECEIVABLES = True
"""Section 1: "A fact about something not yet known is kept and counts once both are there". True: contract.taken_over with a case over a
receivable that is not known is refused (an agency would be told of nothing); False: it is kept like any other fact."""

A_LATER_BALANCE_IS_OF_A_LATER_DAY = True
"""Section 1: a balance that differs stands "until a later one agrees". True: the statement of the latest day counts (of several of one day
the last told), an older one that comes late says nothing; False: whichever came last."""

WHAT_A_PAYMENT_SETTLED_LATER_COUNTS_FROM_ITS_VALUE_DATE = True
"""Section 5: an instalment is met by "what payments ... settled of them" by its grace. A payment came in time, and what it met (a cost)
arose later. True: it counts from the payment's date; False: from the day on which it settled it."""

A_SKIPPED_STEP_ENDS_THE_RAMP = False
"""Section 4: an old debt "takes its first step not before" its day of the ramp; a person skipped a step before that day, which "counts as
taken". True: the next one keeps its distance alone; False: it too waits for the day of the ramp, since nothing went out yet."""

WHAT_DEATH_DELAYED_IS_NEVER_SAID = True
"""Section 5: under insolvency or after a death no notice goes out, "nor later". True: nor one whose time came before it and that no tick
had told yet; False: that one goes out once nothing silences any more."""

A_SETTLED_PLAN_STAYS_FULFILLED = False
"""Section 5: fulfilled is also "a plan of which nothing is open any more". True: once nothing was open, for good; False: only while nothing
is open by today's books, so that a later cost can break it."""

A_PAID_RECALL_ENDS_REFRESHES = False
"""Section 6: "After a recall with reason paid nothing more is sent." True: case.refresh neither; False: the agency is still asked, since
only its answer ends the case."""

CHARGEBACK_FEES_SEE_EARLIER_ONES = True
"""Section 2: a chargeback's fee is a cost on "the one the payment would settle first". True: as things stood when the payment settled, the
fees of chargebacks booked before this one included; False: as if no other chargeback had cost anything."""
