"""The lowest layer: values, protocols, errors, the ledger (generation cache), manifests, console output."""
