"""What every other room stands on: values, protocols, errors, the ledger, manifests, the printer."""
