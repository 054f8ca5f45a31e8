"""From files to documents to tokens."""
