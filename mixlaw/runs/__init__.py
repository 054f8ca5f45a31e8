"""The run table: read, validated, grouped; what its losses are measured with."""
