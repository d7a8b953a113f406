"""The record of every decision: its inputs, its trace, its policy and version."""
