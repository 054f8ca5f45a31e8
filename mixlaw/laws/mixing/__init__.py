"""Laws of loss in the mixture, at one size."""
