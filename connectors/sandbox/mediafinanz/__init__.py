"""mediafinanz's sandbox: its REST 2.1 (`rest.py`) and its SOAP (`soap.py`) over the same claims (`books.py`).

It is a test host: live calls are refused. Its SOAP is described by the WSDL that the adapter has too, since a description is what both
sides are held to; nothing else is shared with the adapter.
"""
