"""Laws of loss in parameters and tokens."""
