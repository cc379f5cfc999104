"""Prokur: handovers go as CSV files into a folder (or an SFTP-mounted path), and answers come as CSV files out of another.

That Prokur takes CSV is public; no format is. Folders, columns and codes are our own ASSUMPTION, and columns, separator and encoding can be
set (`layout.py`) so that they can be made Prokur's own once these are known.
"""
