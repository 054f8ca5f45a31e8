"""Laws of loss in the mixture together with parameters, tokens or repetition."""
