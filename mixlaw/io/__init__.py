"""Files and single values: read, checked, written."""
