"""LeadGen: a pay-per-lead marketplace whose every decision is explained and repeatable."""

VERSION = "1.0.0"
