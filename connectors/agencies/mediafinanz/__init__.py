"""mediafinanz: REST 2.1 to hand a case over and to close it, SOAP to follow it up.

REST is held to mediafinanz's public example calls. No WSDL and no list of status codes is public: `encashment.wsdl` is ours, and says which
of it public shop modules show and which is assumed; `mapping.py` says it of codes. What rests on an assumption fails safe: an answer that
can't be read leaves a handover for a person and never sends it a second time.
"""
