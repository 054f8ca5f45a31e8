"""Laws of loss in the mixture, at one size.

auto_scale        AutoScale: each source's tokens lower the loss by a power law of their own
bi_mix            BiMix: share and tokens of the target's own source
effective_tokens  Effective-tokens mixing law, the default if all runs have the same size and token count
linear            Linear mixing law
log_linear        Log-linear mixing law
"""
