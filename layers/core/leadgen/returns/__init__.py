"""Leads that buyers give back: the policy, what the records prove, a person's decision, the money back."""
