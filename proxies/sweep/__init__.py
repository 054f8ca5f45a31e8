"""Many runs: store, ledger, backends."""
