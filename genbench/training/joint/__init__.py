"""Many runs of one recipe trained as one batched computation."""
