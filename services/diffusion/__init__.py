"""Pictures out of text, by latent diffusion. Knows no queue, no ledger and no HTTP."""
