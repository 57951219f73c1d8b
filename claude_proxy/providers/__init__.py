"""What is known of providers, as data: dialects, the catalogue, recognised refusals, and what this run has learned."""
